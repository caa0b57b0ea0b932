"""Notices when the faucet did not run: it was stopped, or the process or the machine was suspended."""

import time
from collections.abc import Callable

from jobs.ledger.downtime import SavedDowntime
from jobs.model.downtime import Downtime

MAX_STEP = 3.0  #: seconds between two ticks beyond which the process stood still; they are due once a second
SAVE_INTERVAL = 10.0  #: seconds by which what is saved may lag


class Uptime:
    """Keeps the gaps of this ledger's faucet, across restarts."""

    def __init__(self, saved: SavedDowntime, *, clock: Callable[[], float] = time.time) -> None:
        self._saved = saved
        self._clock = clock
        self._ticked_at = 0  # milliseconds since 1970
        self._saved_at = 0  # … of the last save; 0: it must be saved
        self.downtime = Downtime()

    async def start(self) -> None:
        """Count the time since the last run as a gap. Raises FaucetError `ledger_unavailable`."""
        self._ticked_at, self.downtime = await self._saved.load()
        self._add_gap(int(self._clock() * 1000))
        await self.save()

    async def stop(self) -> None:
        """Keep that it ran until now. Raises FaucetError `ledger_unavailable`."""
        self._saved_at = 0
        await self.save()

    def tick(self) -> None:
        """Note that the faucet runs; a gap where it did not for more than MAX_STEP seconds."""
        now = int(self._clock() * 1000)
        if now - self._ticked_at > MAX_STEP * 1000:
            self._add_gap(now)
        self._ticked_at = now

    async def save(self) -> None:
        """Keep the gaps, and that it ran until now. Raises FaucetError `ledger_unavailable`."""
        self.tick()
        if abs(self._ticked_at - self._saved_at) >= SAVE_INTERVAL * 1000:
            at = self._ticked_at
            await self._saved.save(at, self.downtime)
            self._saved_at = at

    def _add_gap(self, now: int) -> None:
        if now > self._ticked_at:
            self.downtime = self.downtime.with_gap(self._ticked_at, now)
        self._ticked_at, self._saved_at = now, 0
