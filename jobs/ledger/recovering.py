"""What the chain knows and the ledger does not: it was lost, or restored from a backup."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_DOWN, Decimal

from jobs.ledger.book import Book, as_list
from jobs.ledger.database import Connection
from jobs.ledger.signing import jobs_of, record
from jobs.model.transaction import OnChainTransaction, SignedTransaction


class Recovering(Book):
    """Takes over transactions from the chain."""

    async def unknown(self, signatures: Iterable[str]) -> set[str]:
        """Those of `signatures` that no transaction of the ledger has."""
        asked = set(signatures)
        rows = await self._database.read(
            "SELECT signature FROM transactions WHERE signature IN (SELECT value FROM json_each(?))", (as_list(asked),)
        )
        return asked - {row["signature"] for row in rows}


def take_over_payments(connection: Connection, payments: Sequence[OnChainTransaction], now: int) -> list[int]:
    """Record payments as if they had been signed here, for those of their accounts that have a job; these jobs.

    What they mean for the jobs follows when the block that holds them is noted.
    """
    served = [(payment, _jobs_of(connection, payment)) for payment in payments]
    drafts = [draft_of(payment, jobs) for payment, jobs in served if jobs]
    return jobs_of(record(connection, drafts, now)) if drafts else []


def _jobs_of(connection: Connection, payment: OnChainTransaction) -> dict[int, int]:
    """The jobs whose initial balance `payment` is, each with the fee of its operation.

    What a registrar sends by hand to an account is of another amount, or it is what the account had to get.
    """
    operations = {operation.name: operation for operation in payment.operations}
    rows = connection.execute(
        """
        SELECT number, name, initial_balance FROM jobs
        WHERE name IN (SELECT value FROM json_each(?)) AND state NOT IN ('failed', 'cancelled', 'done')
        AND initial_balance IS NOT NULL
        """,
        (as_list(operations),),
    ).fetchall()
    return {
        row["number"]: operations[row["name"]].fee
        for row in rows
        if _is_due(Decimal(row["initial_balance"]), operations[row["name"]].amount)
    }


def _is_due(balance: Decimal, amount: Decimal) -> bool:
    """Whether `amount` is what the chain makes of `balance`: what the asset can't express is cut off."""
    return amount == balance.quantize(amount, ROUND_DOWN)


def draft_of(found: OnChainTransaction, jobs: Mapping[int, int]) -> SignedTransaction:
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
