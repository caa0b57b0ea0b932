"""Signed transactions: how they are read, and how they are written ahead with the jobs that they serve."""

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from jobs.ledger.sql import IN_TEXTS, Query, names_of, table_of, to_json
from jobs.ledger.store import Tx
from jobs.model.job import state_of
from jobs.model.transaction import Fate, Kind, SignedTransaction, Transaction, WholeTransaction


def select_transactions(rest: str) -> Query[Transaction]:
    """The transactions for which `rest`, all that comes after FROM, holds."""
    return Query(f"SELECT {names_of(Transaction)} FROM signed_transactions {rest}", Transaction, bulk=True)


BY_SIGNATURE = select_transactions(f"WHERE signature {IN_TEXTS} ORDER BY number")
#: With their bodies, some 7 kB each: a row at a time.
LIVE = Query(
    f"SELECT {names_of(WholeTransaction)} FROM signed_transactions WHERE fate = 'live' ORDER BY number",
    WholeTransaction,
)


def jobs_of(transactions: Iterable[Transaction]) -> list[int]:
    """The numbers of the jobs that `transactions` serve."""
    return [job for transaction in transactions for job in transaction.jobs]


Link = tuple[int, int, str | None]  #: a transaction's number, a job that it serves, and who is named as its referrer

# The same jobs signed again within one second make the same bytes: one that was refused lives again.
_RECORDED = (
    "kind", "id", "signature", "body", "reference", "expiration", "created_at", "updated_at", "cost", "reserved",
)  # fmt: skip
RECORD = f"""
    INSERT INTO transactions ({", ".join(_RECORDED)}) SELECT * FROM {table_of(_RECORDED)} AS recorded WHERE TRUE
    ON CONFLICT (signature) DO UPDATE SET
        fate = 'live', reserved = transactions.cost, updated_at = excluded.updated_at
    RETURNING number, signature
"""
_OPERATIONS = ("txn", "position", "job", "fee")
RECORD_OPERATIONS = f"""
    INSERT INTO operations ({", ".join(_OPERATIONS)}) SELECT * FROM {table_of(_OPERATIONS)} AS recorded WHERE TRUE
    ON CONFLICT (txn, position) DO UPDATE SET job = excluded.job, fee = excluded.fee
"""
_REGISTERING = (
    "registration = linked.txn, provisional = FALSE, sent_referrer = linked.referrer, attempts = attempts + 1"
)
_REGISTERED = f"FROM {table_of(('txn', 'job', 'referrer'))} AS linked WHERE jobs.number = linked.job"
LINK = {
    Kind.REGISTRATION: f"UPDATE jobs SET {_REGISTERING} {_REGISTERED}",
    Kind.FUNDING: f"""
        UPDATE jobs SET funding = linked.txn
        FROM {table_of(("txn", "job"))} AS linked WHERE jobs.number = linked.job
    """,
}

#: What links a queued job to its registration also says where it stands then.
_SIGNED = state_of(registration=Fate.LIVE, has_account=False, irreversible=False, pays=False, funding=None)
SIGN = f"""
    UPDATE jobs SET {_REGISTERING}, state = '{_SIGNED}', reason = NULL, updated_at = ? {_REGISTERED}
"""


def record(tx: Tx, signed: Sequence[SignedTransaction]) -> list[WholeTransaction]:
    """Put `signed` on disk as live transactions that serve their jobs."""
    recorded = save(tx, signed)
    for kind, statement in LINK.items():
        if linked := links(kind, recorded, signed):
            tx.execute(statement, (to_json(linked),))
    return recorded


def save(tx: Tx, signed: Sequence[SignedTransaction]) -> list[WholeTransaction]:
    """Put `signed` on disk as live transactions; their jobs are to be linked to them."""
    rows = tx.execute(RECORD, (to_json(_columns(transaction, tx.now) for transaction in signed),))
    numbers: dict[str, int] = {row["signature"]: row["number"] for row in rows}
    operations = (
        (numbers[transaction.signature], position, job, fee)
        for transaction in signed
        for position, (job, fee) in enumerate(zip(transaction.jobs, transaction.fees, strict=True))
    )
    tx.execute(RECORD_OPERATIONS, (to_json(operations),))
    return [_recorded(transaction, numbers[transaction.signature]) for transaction in signed]


def links(kind: Kind, recorded: Iterable[Transaction], signed: Iterable[SignedTransaction]) -> list[Link]:
    """The number of each transaction of this `kind` with each job that it serves, and the referrer of that one."""
    return [
        (transaction.number, job, referrer)
        for transaction, each in zip(recorded, signed, strict=True)
        if each.kind is kind
        for job, referrer in zip_longest(each.jobs, each.referrers)
    ]


def _columns(transaction: SignedTransaction, now: int) -> tuple[str | int, ...]:
    return (
        transaction.kind,
        transaction.id,
        transaction.signature,
        transaction.body,
        transaction.reference,
        transaction.expiration,
        now,
        now,
        transaction.cost,
        transaction.cost,
    )


def _recorded(transaction: SignedTransaction, number: int) -> WholeTransaction:
    return WholeTransaction(
        number=number,
        kind=transaction.kind,
        id=transaction.id,
        signature=transaction.signature,
        reference=transaction.reference,
        expiration=transaction.expiration,
        fate=Fate.LIVE,
        block_num=None,
        jobs=transaction.jobs,
        held=None,
        body=transaction.body,
    )
