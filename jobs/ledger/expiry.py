"""What expired: signed transactions that no block can hold any more, or of which a stranger says so."""

from collections.abc import Sequence

from jobs.ledger.job_rows import derive_states
from jobs.ledger.spending import day_of
from jobs.ledger.store import Part, Tx
from jobs.ledger.transactions import jobs_of, select_transactions
from jobs.model.transaction import Fate, Transaction

EXPIRE = """
    UPDATE transactions SET fate = ?, reserved = 0, held = NULL, updated_at = ? WHERE number = ? AND fate = 'live'
"""
DENY = "UPDATE transactions SET fate = ?, held = NULL, updated_at = ? WHERE number = ? AND fate = 'live'"
UNRESERVE = "UPDATE transactions SET reserved = 0 WHERE number = ? AND fate IN ('refused', 'expired')"
HOLD_PAYMENT = "UPDATE transactions SET held = ? WHERE number = ? AND fate = 'live'"
_RESERVED = """
    SELECT number FROM transactions
    WHERE fate IN ('refused', 'expired') AND reserved > 0 AND expiration >= ?
"""
GIVEN_UP = select_transactions(f"WHERE number IN ({_RESERVED} AND expiration < ?) ORDER BY number")
UNPROVEN = f"""
    SELECT EXISTS (SELECT 1 FROM transactions WHERE fate = 'live') OR EXISTS ({_RESERVED}) AS unproven
"""
OVERDUE = select_transactions("WHERE fate = 'live' AND expiration < ? ORDER BY number")
HELD = select_transactions("WHERE fate = 'live' AND held IS NOT NULL ORDER BY number")


class Expiry(Part):
    """Transactions that are given up, and those that can't be."""

    async def unproven(self) -> bool:
        """Whether there are transactions that may yet come into a block, or into one that was not shown."""
        rows = await self._store.read(UNPROVEN, (self._today(),))
        return bool(rows[0]["unproven"])

    async def overdue(self, irreversible_time: int) -> list[Transaction]:
        """Live transactions that expired before the last irreversible block's time, seconds: no block takes them."""
        return await self._store.rows(OVERDUE, (irreversible_time,))

    async def given_up(self, irreversible_time: int) -> list[Transaction]:
        """Transactions of today that a stranger refused or denied, and that expired before that time, seconds.

        They still count against the budget: a block may hold them all the same.
        """
        return await self._store.rows(GIVEN_UP, (self._today(), irreversible_time))

    async def expire(self, dead: Sequence[Transaction], *, proven: bool = True) -> None:
        """Give up transactions that are in no block and can never be: their jobs wait to be signed anew.

        Unless that is `proven`, what they cost goes on counting against the budget.
        """

        def step(tx: Tx) -> None:
            expired = [(Fate.EXPIRED, tx.now, transaction.number) for transaction in dead]
            tx.executemany(EXPIRE if proven else DENY, expired)
            if proven:
                tx.executemany(UNRESERVE, [(transaction.number,) for transaction in dead])
            derive_states(tx, jobs_of(dead))

        await self._store.run(step)

    async def hold(self, payments: Sequence[Transaction], reason: str) -> None:
        """Let expired payments wait for an operator, for `reason`: nobody can prove that no block holds them."""
        held = [(reason, payment.number) for payment in payments]
        await self._store.run(lambda tx: tx.executemany(HOLD_PAYMENT, held))

    async def held(self) -> list[Transaction]:
        """Payments that wait for an operator, oldest first."""
        return await self._store.rows(HELD)

    def _today(self) -> int:
        """When the day (UTC) began, seconds: what expired before counts against no budget that is still open."""
        return day_of(self._store.now()) // 1000
