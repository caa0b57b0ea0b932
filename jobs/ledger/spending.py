"""What leaves the registrar in a day, and what may."""

from collections.abc import Sequence

from jobs.ledger.sql import table_of, to_json
from jobs.ledger.store import Part, Tx
from jobs.model.transaction import Kind, SignedTransaction

DAY_MS = 86_400_000  #: milliseconds

# A registration given up on a stranger's word may still be in a block. Its jobs' next one excludes it: a name is
# registered once. So what it holds of the budget for these jobs is free again, as far as the next one takes it over.
RELEASE_SHARES = f"""
    UPDATE transactions
    SET reserved = CASE WHEN reserved > superseded.share THEN reserved - superseded.share ELSE 0 END
    FROM (SELECT last.txn,
                 sum(CASE WHEN operations.fee < last.fee THEN operations.fee ELSE last.fee END) AS share
          FROM (SELECT max(operations.txn) AS txn, operations.job, next.fee
                FROM {table_of(("job", "fee"))} AS next JOIN operations ON operations.job = next.job
                GROUP BY operations.job, next.fee) AS last
          JOIN operations ON operations.txn = last.txn AND operations.job = last.job
          GROUP BY last.txn) AS superseded
    WHERE transactions.number = superseded.txn AND transactions.fate IN ('refused', 'expired')
    AND transactions.reserved > 0
"""
RESERVED = "SELECT EXISTS (SELECT 1 FROM transactions WHERE fate IN ('refused', 'expired') AND reserved > 0) AS found"
ON_DAY = "SELECT committed, balance FROM spending WHERE day = ?"
LAST_BALANCE = "SELECT day, balance FROM spending WHERE balance IS NOT NULL ORDER BY day DESC LIMIT 1"
OPEN_DAY = (
    "INSERT INTO spending (day, balance) VALUES (?, ?) ON CONFLICT (day) DO UPDATE SET balance = excluded.balance"
)


class Spending(Part):
    """What was signed away day by day, and the balance that each day's budget is a share of."""

    async def spent_today(self) -> int:
        """Satoshi that left the registrar since midnight UTC, or may yet leave it."""
        rows = await self._store.read(ON_DAY, (day_of(self._store.now()),))
        return int(rows[0]["committed"]) if rows else 0

    async def opening_balance(self) -> int | None:
        """The registrar's balance, satoshi, of which today's budget is a share; None until the day was opened."""
        rows = await self._store.read(ON_DAY, (day_of(self._store.now()),))
        return rows[0]["balance"] if rows else None

    async def open_day(self, balance: int, *, agreed: bool) -> int:
        """The registrar's balance, satoshi, of which today's budget is a share: `balance` if the day is new.

        What a lone stranger says (not `agreed`) is no more than the last one.
        """
        return await self._store.run(lambda tx: _open_day(tx, balance, agreed=agreed))


def day_of(milliseconds: int) -> int:
    """When the day (UTC) of a moment began, both in milliseconds since 1970."""
    return milliseconds // DAY_MS * DAY_MS


def committed_on(tx: Tx) -> int:
    """Satoshi signed away on the day of the transaction."""
    rows = tx.execute(ON_DAY, (day_of(tx.now),))
    return int(rows[0]["committed"]) if rows else 0


def release_shares(tx: Tx, signed: Sequence[SignedTransaction]) -> None:
    """Free what the last transactions of jobs hold of the budget, as far as registrations in `signed` replace it."""
    if tx.execute(RESERVED)[0]["found"]:
        registrations = [transaction for transaction in signed if transaction.kind is Kind.REGISTRATION]
        fees = [pair for transaction in registrations for pair in zip(transaction.jobs, transaction.fees, strict=True)]
        tx.execute(RELEASE_SHARES, (to_json(fees),))


def affordable(signed: Sequence[SignedTransaction], left: int) -> list[SignedTransaction]:
    """Those of `signed` that `left`, satoshi, pays for together; a dear one does not keep out the cheaper behind it."""
    paid: list[SignedTransaction] = []
    for transaction in signed:
        if transaction.cost <= left:
            paid.append(transaction)
            left -= transaction.cost
    return paid


def _open_day(tx: Tx, balance: int, *, agreed: bool) -> int:
    day = day_of(tx.now)
    rows = tx.execute(LAST_BALANCE)
    if rows and rows[0]["day"] == day:
        return int(rows[0]["balance"])
    basis = balance if agreed or not rows else min(balance, rows[0]["balance"])
    tx.execute(OPEN_DAY, (day, basis))
    return int(basis)
