"""What leaves the registrar in a day, and what may."""

from collections.abc import Sequence

from jobs.ledger.book import Book, as_list, as_rows
from jobs.ledger.database import Connection
from jobs.model.transaction import Kind, SignedTransaction

DAY = 86_400_000  #: milliseconds

# A registration given up on a stranger's word may still be in a block. Its jobs' next one excludes it: a name is
# registered once. So what it holds of the budget for these jobs is free again, as far as the next one takes it over.
RELEASE_SHARES = f"""
    UPDATE transactions SET reserved = max(0, reserved - superseded.share)
    FROM (SELECT last.txn, sum(min(operations.fee, last.fee)) AS share
          FROM (SELECT max(operations.txn) AS txn, operations.job, next.fee
                FROM {as_rows(("job", "fee"))} AS next JOIN operations ON operations.job = next.job
                GROUP BY operations.job) AS last
          JOIN operations ON operations.txn = last.txn AND operations.job = last.job
          GROUP BY last.txn) AS superseded
    WHERE transactions.number = superseded.txn AND transactions.fate IN ('refused', 'expired')
    AND transactions.reserved > 0
"""
RESERVED = "SELECT EXISTS (SELECT 1 FROM transactions WHERE fate IN ('refused', 'expired') AND reserved > 0)"


class Spending(Book):
    """The days' books."""

    async def spent_today(self) -> int:
        """Satoshi that left the registrar since midnight UTC, or may yet leave it."""
        rows = await self._database.read("SELECT committed FROM spending WHERE day = ?", (day_of(self._now()),))
        return int(rows[0]["committed"]) if rows else 0

    async def opening_balance(self) -> int | None:
        """The registrar's balance, satoshi, of which today's budget is a share; None until the day was opened."""
        rows = await self._database.read("SELECT balance FROM spending WHERE day = ?", (day_of(self._now()),))
        return rows[0]["balance"] if rows else None

    async def open_day(self, balance: int, *, agreed: bool) -> int:
        """The registrar's balance, satoshi, of which today's budget is a share: `balance` if the day is new.

        What a lone stranger says (not `agreed`) is no more than the last one.
        """
        now = self._now()
        return await self._database.run(lambda connection: _open_day(connection, day_of(now), balance, agreed=agreed))


def day_of(milliseconds: int) -> int:
    """When the day (UTC) of a moment began, both in milliseconds since 1970."""
    return milliseconds // DAY * DAY


def committed_on(connection: Connection, now: int) -> int:
    """Satoshi signed away on the day of `now`."""
    row = connection.execute("SELECT committed FROM spending WHERE day = ?", (day_of(now),)).fetchone()
    return 0 if row is None else int(row["committed"])


def release_shares(connection: Connection, drafts: Sequence[SignedTransaction]) -> None:
    """Free what the last transactions of jobs hold of the budget, as far as registrations in `drafts` replace it."""
    if connection.execute(RESERVED).fetchone()[0]:
        registrations = [draft for draft in drafts if draft.kind is Kind.REGISTRATION]
        fees = [pair for draft in registrations for pair in zip(draft.jobs, draft.fees, strict=True)]
        connection.execute(RELEASE_SHARES, (as_list(fees),))


def within(drafts: Sequence[SignedTransaction], left: int) -> list[SignedTransaction]:
    """Those of `drafts` that `left`, satoshi, pays for together; a dear one does not keep out the cheaper behind it."""
    paid: list[SignedTransaction] = []
    for draft in drafts:
        if draft.cost <= left:
            paid.append(draft)
            left -= draft.cost
    return paid


def _open_day(connection: Connection, day: int, balance: int, *, agreed: bool) -> int:
    rows = connection.execute(
        "SELECT day, balance FROM spending WHERE balance IS NOT NULL ORDER BY day DESC LIMIT 1"
    ).fetchall()
    if rows and rows[0]["day"] == day:
        return int(rows[0]["balance"])
    basis = balance if agreed or not rows else min(balance, rows[0]["balance"])
    connection.execute(
        "INSERT INTO spending (day, balance) VALUES (?1, ?2) ON CONFLICT (day) DO UPDATE SET balance = ?2", (day, basis)
    )
    return int(basis)
