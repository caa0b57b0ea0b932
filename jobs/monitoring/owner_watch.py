"""The alert that nobody owns the chain: the owner, which raises all others, can't raise this one."""

import asyncio
import logging
import time
from collections.abc import Callable

from jobs.chain_status import Snapshot
from jobs.conditions import LedgerStatus, conditions, first_failing
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.monitoring.alerts import EVALUATE_INTERVAL, Alerts
from jobs.monitoring.mailer import Mailer
from jobs.settings import Settings

log = logging.getLogger("faucet.owner_watch")


class OwnerWatch:
    """Watches in a process that serves HTTP. The first of them to see it begins the alert, and sends its mail.

    The next owner ends it.
    """

    def __init__(
        self, settings: Settings, ledger: Ledger, snapshot: Snapshot, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._snapshot = snapshot
        self._mailer = Mailer(settings, ledger.outbox, clock=clock)
        self._alerts = Alerts(settings, ledger, wake=self._mailer.wake, clock=clock)
        self._begun = False  # by this process, and not over

    async def run(self) -> None:
        """Look every EVALUATE_INTERVAL seconds."""
        while True:
            try:
                await self.look()
            except FaucetError as error:
                log.warning("owner of the chain not watched", extra={"fields": {"reason": error}})
            await asyncio.sleep(EVALUATE_INTERVAL)

    async def look(self) -> None:
        """Begin the alert if nobody has owned the chain for long. Raises FaucetError `ledger_unavailable`."""
        snapshot = self._snapshot
        status = LedgerStatus(holder=snapshot.holder, ownerless_since=snapshot.ownerless_since)
        found = conditions(snapshot.chain_status, self._settings, self._ledger.now() / 1000, status)
        text = first_failing(found, ["owner"])
        if text is None:
            self._begun = False
            return
        self._begun = self._begun or await self._alerts.begin("owner", text)
        if self._begun:
            await self._mailer.send_due()
