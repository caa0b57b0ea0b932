"""The lease: which process owns the chain, until when, and in which epoch."""

from collections.abc import Callable

from jobs.ledger.processes import is_gone
from jobs.ledger.sql import Query, names_of
from jobs.ledger.store import Part, Tx
from jobs.model.owner import Candidate, Holder

MAX_LEASE = 60.0  #: seconds; one that ends later was taken before the clock was set back

HOLDER = Query(f"SELECT {names_of(Holder)} FROM ledger", Holder)
TAKE = "UPDATE ledger SET epoch = epoch + 1, owner = ?, process = ?, until = ?"
RENEW = "UPDATE ledger SET until = ?"
GIVE_BACK = "UPDATE ledger SET owner = NULL, process = NULL, until = ?"


class Lease(Part):
    """Owning the chain. `renew` and `give_back` are the owner's own: they raise DeposedError in another epoch."""

    async def holder(self) -> Holder:
        """Who owns the chain. Raises FaucetError `ledger_unavailable`."""
        return (await self._store.rows(HOLDER))[0]

    async def is_free(self, candidate: Candidate, *, gone: Callable[[str], bool] = is_gone) -> bool:
        """Whether `acquire` is worth its transaction. Raises FaucetError `ledger_unavailable`."""
        return may_take(await self.holder(), candidate, self._store.now(), gone)

    async def acquire(
        self, candidate: Candidate, seconds: float, *, gone: Callable[[str], bool] = is_gone
    ) -> int | None:
        """Own the chain for so many seconds, in the epoch that is returned; None while another process does.

        `gone` says of a process whether it runs no more for certain. Raises FaucetError `ledger_unavailable`.
        """

        def step(tx: Tx) -> int | None:
            (holder,) = tx.rows(HOLDER)
            if not may_take(holder, candidate, tx.now, gone):
                return None
            tx.execute(TAKE, (candidate.machine, candidate.process, tx.now + int(seconds * 1000)))
            return holder.epoch + 1

        return await self._store.run(step)

    async def renew(self, seconds: float) -> None:
        """Own the chain for so many seconds from now. Raises DeposedError, FaucetError `ledger_unavailable`."""
        await self._store.run(lambda tx: tx.execute(RENEW, (tx.now + int(seconds * 1000),)))

    async def give_back(self) -> None:
        """Let another process own the chain at once. This ledger writes nothing more, whether that succeeds or not.

        Raises FaucetError `ledger_unavailable`, and DeposedError where another process owns the chain already.
        """
        try:
            await self._store.run(lambda tx: tx.execute(GIVE_BACK, (tx.now,)))
        finally:
            self._store.deposed.set()


def may_take(holder: Holder, candidate: Candidate, now: int, gone: Callable[[str], bool]) -> bool:
    """Whether `candidate` may own the chain after `holder` at `now`, milliseconds."""
    if not holder.owns(now) or holder.process in (None, candidate.process):
        return True
    return holder.until > now + MAX_LEASE * 1000 or gone(holder.process)
