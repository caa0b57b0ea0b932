"""What it means to transactions and their jobs that a block holds them, holds them no more, or stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec import structs

from jobs.ledger.job_rows import Known, derive_states
from jobs.ledger.names import delete_keys, save_accounts
from jobs.ledger.sql import IN_NUMBERS, IN_TEXTS, to_json
from jobs.ledger.store import Tx
from jobs.ledger.transactions import BY_SIGNATURE, LINK, jobs_of, record, select_transactions
from jobs.model.job import State
from jobs.model.transaction import BlockEffects, Fate, Kind, OnChainTransaction, SignedTransaction, Transaction, is_due

Results = Sequence[str | None]  #: of a transaction's operations: the ids of what they made

INCLUDE = f"""
    UPDATE transactions SET fate = 'included', block_num = ?, reserved = cost, held = NULL, updated_at = ?
    WHERE number {IN_NUMBERS}
"""
RELEASE = f"UPDATE transactions SET fate = 'live', block_num = NULL, updated_at = ? WHERE number {IN_NUMBERS}"
INCLUDED_SINCE = select_transactions("WHERE fate = 'included' AND block_num >= ? ORDER BY block_num, number")
DELETE_NAMES = "DELETE FROM names WHERE block_num >= ?"
DELETE_BLOCKS = "DELETE FROM blocks WHERE number >= ?"
FINALIZE = f"UPDATE transactions SET fate = 'irreversible', updated_at = ? WHERE number {IN_NUMBERS}"
PAYABLE = f"""
    SELECT number, name, initial_balance FROM jobs
    WHERE name {IN_TEXTS} AND state NOT IN ('failed', 'cancelled', 'done') AND initial_balance IS NOT NULL
"""


@dataclass(frozen=True, slots=True)
class Account:
    """What a block says of a job's account."""

    registration: int  #: number of the transaction
    id: str | None
    block_num: int
    provisional: bool  #: its id was looked up by name


class Included:
    """The jobs that blocks concern, whose states are to be derived."""

    def __init__(self) -> None:
        self.jobs: list[int] = []
        self.accounts: dict[int, Account] = {}  #: by their jobs

    def derive_states(self, tx: Tx) -> list[tuple[Known, State]]:
        """Record what was learned of the jobs, and where they stand; those that moved. Raises IllegalMoveError."""
        return derive_states(tx, self.jobs, self._learned)

    def _learned(self, known: Known) -> Known:
        account = self.accounts.get(known.number)
        # An ended job whose name a newer signup has taken over stays ended, whatever a block holds.
        if account is None or known.replaced:
            return known
        return structs.replace(
            known,
            registration=account.registration,
            registration_fate=Fate.INCLUDED,
            account_id=account.id,
            block_num=account.block_num,
            provisional=account.provisional,
        )


def include(tx: Tx, block: BlockEffects, included: Included) -> None:
    """Record what `block` holds, but for what it means to jobs: that is added to `included`."""
    if block.accounts or block.keys:
        save_accounts(tx, block.accounts, block.number, listed_by=block.seen_by, keys=block.keys)
    delete_keys(tx, block.changed)
    ours = tx.rows(BY_SIGNATURE, (to_json(block.results),)) if block.results else []
    _include(tx, [transaction for transaction in ours if transaction.fate is not Fate.IRREVERSIBLE], block, included)
    included.jobs += jobs_of(ours)


def _include(tx: Tx, ours: Sequence[Transaction], block: BlockEffects, included: Included) -> None:
    """Link the jobs to their transactions again: one given up too early counts as soon as a block holds it."""
    if not ours:
        return
    tx.execute(INCLUDE, (block.number, tx.now, _numbers(ours)))
    paid = [
        (transaction.number, job)
        for transaction in ours
        if transaction.kind is Kind.FUNDING
        for job in transaction.jobs
    ]
    if paid:
        tx.execute(LINK[Kind.FUNDING], (to_json(paid),))
    included.accounts |= {
        job: Account(transaction.number, account_id, block.number, transaction.signature in block.provisional)
        for transaction in ours
        if transaction.kind is Kind.REGISTRATION
        for job, account_id in zip(transaction.jobs, block.results[transaction.signature], strict=True)
    }


def release(tx: Tx, transactions: Sequence[Transaction]) -> None:
    """Let `transactions` wait for a block again."""
    tx.execute(RELEASE, (tx.now, _numbers(transactions)))


def delete_blocks(tx: Tx, number: int) -> int:
    """Undo what was recorded of block `number` and later ones; how many transactions that concerns."""
    lost = tx.rows(INCLUDED_SINCE, (number,))
    release(tx, lost)
    tx.execute(DELETE_NAMES, (number,))
    tx.execute(DELETE_BLOCKS, (number,))
    derive_states(tx, jobs_of(lost))
    return len(lost)


def finalize(tx: Tx, included: Sequence[tuple[Transaction, Results]]) -> None:
    """Record that transactions, each with its results, stay in their block."""
    transactions = [transaction for transaction, _ in included]
    tx.execute(FINALIZE, (tx.now, _numbers(transactions)))
    accounts = {
        job: (transaction.number, account_id)
        for transaction, results in included
        if transaction.kind is Kind.REGISTRATION
        for job, account_id in zip(transaction.jobs, results, strict=True)
    }

    def learned(known: Known) -> Known:
        registration, account_id = accounts.get(known.number, (None, None))
        if registration is None or registration != known.registration:
            return known
        return structs.replace(known, irreversible=True, account_id=account_id, provisional=False)

    derive_states(tx, jobs_of(transactions), learned)


def _numbers(transactions: Sequence[Transaction]) -> str:
    return to_json(transaction.number for transaction in transactions)


def import_payments(tx: Tx, payments: Sequence[OnChainTransaction]) -> list[int]:
    """Record payments as if they had been signed here, for those of their accounts that have a job; these jobs.

    What they mean for the jobs follows when the block that holds them is included.
    """
    # A block of a node that lies may hold one twice.
    once = {payment.signature: payment for payment in payments}.values()
    paid = [(payment, _jobs_paid(tx, payment)) for payment in once]
    signed = [signed_from(payment, jobs) for payment, jobs in paid if jobs]
    return jobs_of(record(tx, signed)) if signed else []


def _jobs_paid(tx: Tx, payment: OnChainTransaction) -> dict[int, int]:
    """The jobs whose initial balance `payment` is, each with the fee of its operation.

    What a registrar sends by hand to an account is of another amount, or it is what the account had to get.
    """
    operations = {operation.name: operation for operation in payment.operations}
    rows = tx.execute(PAYABLE, (to_json(operations),))
    return {
        row["number"]: operations[row["name"]].fee
        for row in rows
        if is_due(Decimal(row["initial_balance"]), operations[row["name"]].amount)
    }


def signed_from(found: OnChainTransaction, jobs: Mapping[int, int]) -> SignedTransaction:
    """`found` as what was to be sent for `jobs`, each with the fee of its operation."""
    return SignedTransaction(
        kind=found.kind,
        id=found.id,
        signature=found.signature,
        body=found.body,
        reference=found.reference,
        expiration=found.expiration,
        jobs=tuple(jobs),
        fees=tuple(jobs.values()),
    )
