"""Personal data of signups are erased once they are as old as `personal_retention` says."""

import asyncio
import logging
from collections.abc import Callable

from jobs.errors import FaucetError
from jobs.ledger.personal import BATCH, PersonalData
from jobs.monitoring.metrics import Metrics

log = logging.getLogger("faucet.owner")

DAY = 86_400
INTERVAL = 60.0  #: seconds between two erasures


class Retention:
    """Erases what is due, batch by batch, so that signups are accepted in between."""

    def __init__(self, personal: PersonalData, days: int, *, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._personal = personal
        self._seconds = days * DAY
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Erase what is due, at once and every INTERVAL seconds, until cancelled."""
        while True:
            try:
                await self._erase()
            except FaucetError as error:
                log.warning("personal data not erased", extra={"fields": {"reason": error}})
            await asyncio.sleep(INTERVAL)

    async def _erase(self) -> None:
        before = int((self._clock() - self._seconds) * 1000)
        erased, last = 0, BATCH
        while last == BATCH:
            last = await self._personal.erase_old(before)
            self._metrics.personal_erased.inc(last)
            erased += last
        if erased:
            await self._personal.erase_copies()
            log.info("personal data erased", extra={"fields": {"jobs": erased}})
