"""What leaves the registrar in a day, and what may."""

from jobs.ledger.book import Book, as_list
from jobs.ledger.database import Connection

DAY = 86_400_000  #: milliseconds

# A registration refused by a stranger may still come into a block. Its jobs' next one excludes it: a name is registered
# once. So what it holds of the budget for these jobs is free again.
RELEASE_SHARES = """
    UPDATE transactions SET reserved = max(0, reserved - superseded.share)
    FROM (SELECT last.txn, sum(operations.fee) AS share
          FROM (SELECT max(txn) AS txn, job FROM operations
                WHERE job IN (SELECT value FROM json_each(?)) GROUP BY job) AS last
          JOIN operations ON operations.txn = last.txn AND operations.job = last.job
          GROUP BY last.txn) AS superseded
    WHERE transactions.number = superseded.txn AND transactions.fate = 'refused' AND transactions.reserved > 0
"""
_REFUSED_SHARES = "SELECT EXISTS (SELECT 1 FROM transactions WHERE fate = 'refused' AND reserved > 0)"


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

    async def free_refused(self, before: int) -> None:
        """Free what refused transactions hold that expired before `before`, seconds: no block takes them any more."""
        await self._database.write(
            "UPDATE transactions SET reserved = 0 WHERE fate = 'refused' AND reserved > 0 AND expiration < ?", (before,)
        )


def day_of(milliseconds: int) -> int:
    """When the day (UTC) of a moment began, both in milliseconds since 1970."""
    return milliseconds // DAY * DAY


def committed_on(connection: Connection, now: int) -> int:
    """Satoshi signed away on the day of `now`."""
    row = connection.execute("SELECT committed FROM spending WHERE day = ?", (day_of(now),)).fetchone()
    return 0 if row is None else int(row["committed"])


def release_shares(connection: Connection, jobs: list[int]) -> None:
    """Free what the last refused transactions of `jobs` hold of the budget for them: they are signed anew."""
    if connection.execute(_REFUSED_SHARES).fetchone()[0]:
        connection.execute(RELEASE_SHARES, (as_list(jobs),))


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
