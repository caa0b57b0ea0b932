"""What expired: signed transactions that no block can hold any more, or of which a stranger says so."""

from collections.abc import Sequence

from jobs.ledger.book import Book, derive_states
from jobs.ledger.database import Connection
from jobs.ledger.signing import TRANSACTION_SELECT, jobs_of, transaction_of
from jobs.ledger.spending import day_of
from jobs.model.transaction import Fate, Transaction

EXPIRE = """
    UPDATE transactions SET fate = ?, reserved = 0, held = NULL, updated_at = ? WHERE number = ? AND fate = 'live'
"""
DENY = "UPDATE transactions SET fate = ?, held = NULL, updated_at = ? WHERE number = ? AND fate = 'live'"
UNRESERVE = "UPDATE transactions SET reserved = 0 WHERE number = ? AND fate IN ('refused', 'expired')"
_RESERVED = """
    SELECT number FROM transactions INDEXED BY transactions_reserved
    WHERE fate IN ('refused', 'expired') AND reserved > 0 AND expiration >= ?
"""
GIVEN_UP = f"{TRANSACTION_SELECT} WHERE number IN ({_RESERVED} AND expiration < ?) ORDER BY number"
UNPROVEN = f"""
    SELECT EXISTS (SELECT 1 FROM transactions WHERE fate = 'live') OR EXISTS ({_RESERVED}) AS unproven
"""


class Expiry(Book):
    """Each method is one transaction of the ledger."""

    async def unproven(self) -> bool:
        """Whether there are transactions that may yet come into a block, or into one that was not shown."""
        rows = await self._database.read(UNPROVEN, (self._today(),))
        return bool(rows[0]["unproven"])

    async def overdue(self, irreversible_time: int) -> list[Transaction]:
        """Live transactions that expired before the last irreversible block's time, seconds: no block takes them."""
        rows = await self._database.read(
            f"{TRANSACTION_SELECT} WHERE fate = 'live' AND expiration < ? ORDER BY number", (irreversible_time,)
        )
        return [transaction_of(row) for row in rows]

    async def given_up(self, irreversible_time: int) -> list[Transaction]:
        """Transactions of today that a stranger refused or denied, and that expired before that time, seconds.

        They still count against the budget: a block may hold them all the same.
        """
        rows = await self._database.read(GIVEN_UP, (self._today(), irreversible_time))
        return [transaction_of(row) for row in rows]

    async def expire(self, dead: Sequence[Transaction], *, proven: bool = True) -> None:
        """Give up transactions that are in no block and can never be: their jobs wait to be signed anew.

        Unless that is `proven`, what they cost goes on counting against the budget.
        """
        now = self._now()

        def step(connection: Connection) -> list[str]:
            expired = [(Fate.EXPIRED, now, transaction.number) for transaction in dead]
            connection.executemany(EXPIRE if proven else DENY, expired)
            if proven:
                connection.executemany(UNRESERVE, [(transaction.number,) for transaction in dead])
            return derive_states(connection, jobs_of(dead), now)

        await self._move(step)

    async def hold(self, payments: Sequence[Transaction], reason: str) -> None:
        """Let expired payments wait for an operator, for `reason`: nobody can prove that no block holds them."""
        await self._database.run(
            lambda connection: connection.executemany(
                "UPDATE transactions SET held = ? WHERE number = ? AND fate = 'live'",
                [(reason, payment.number) for payment in payments],
            )
        )

    async def held(self) -> list[Transaction]:
        """Payments that wait for an operator, oldest first."""
        rows = await self._database.read(f"{TRANSACTION_SELECT} WHERE fate = 'live' AND held IS NOT NULL")
        return [transaction_of(row) for row in rows]

    def _today(self) -> int:
        """When the day (UTC) began, seconds: what expired before counts against no budget that is still open."""
        return day_of(self._now()) // 1000
