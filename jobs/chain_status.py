"""The chain's status: published by the owner of the chain, cached by the HTTP side; the ledger is between them."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobs.ledger import Ledger
from jobs.ledger.chain_status import SavedChainStatus
from jobs.model.chain import ChainStatus
from jobs.model.downtime import Downtime

if TYPE_CHECKING:
    from jobs.model.operators import Pause
    from jobs.model.owner import Holder

MAX_AGE = 5000  #: milliseconds after which all is read again though nothing was written: a rate sinks with time


class ChainStatusPublisher:
    """The status now; every update is written to the ledger, which other processes read."""

    def __init__(self, saved: SavedChainStatus, *, clock: Callable[[], float]) -> None:
        self._saved = saved
        self._clock = clock
        self.now = ChainStatus()
        self._written: ChainStatus | None = None  # what the ledger has

    @property
    def written(self) -> bool:
        """Whether the ledger has them as they are now."""
        return self._written is self.now

    async def load(self) -> None:
        """Begin with what was known before the last stop, but not connected."""
        self.now = replace(await self._saved.load(), connected=False, node=None, failovers=0)

    async def change(self, **changes: Any) -> None:
        """Change fields by name, if they differ or the ledger lacks them. Raises the same as `update`."""
        known = {name: getattr(self.now, name) for name in changes}
        if changes != known or not self.written:
            await self.update(**changes)

    async def update(self, **changes: Any) -> None:
        """Change fields by name. Raises FaucetError `ledger_unavailable`; memory keeps the change all the same."""
        chain_status = self.now = replace(self.now, **changes, seen_at=int(self._clock() * 1000))
        await self._saved.save(chain_status)
        self._written = chain_status


class Snapshot:
    """What the last refresh read, so that no request reads the ledger for it: status, pauses, owner, API keys."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.chain_status = ChainStatus()
        self.intake: Pause | None = None
        self.drain: Pause | None = None
        self.downtime = Downtime()
        self.registration_rate = 0.0  #: accounts a second that come into a block
        self.holder: Holder | None = None  #: of the lease
        self.has_api_keys = False  #: whether one is in force
        self.ownerless_since: int | None = None  #: when it was first seen that nobody owns the chain, milliseconds
        self._read: tuple[int, int] | None = None  # the ledger's version and time of the last read

    async def refresh(self) -> None:
        """Read them anew where one may have changed.

        Raises FaucetError `ledger_unavailable`, and keeps the old ones then.
        """
        version, now = await self._ledger.change_poller.version(), self._ledger.now()
        if self._read is None or self._read[0] != version or abs(now - self._read[1]) >= MAX_AGE:
            await self._read_all()
            self._read = version, now
        self.ownerless_since = None if self.holder and self.holder.owns(now) else self.ownerless_since or now

    async def _read_all(self) -> None:
        chain_status, pauses, self.registration_rate, (_, self.downtime) = (
            await self._ledger.chain_status.load(),
            await self._ledger.pauses.active(),
            await self._ledger.activity.registration_rate(),
            await self._ledger.downtime.load(),
        )
        self.chain_status, self.intake, self.drain = chain_status, pauses.get("intake"), pauses.get("drain")
        self.has_api_keys = await self._ledger.api_keys.in_force()
        self.holder = await self._ledger.lease.holder()
