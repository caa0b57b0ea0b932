"""The HTTP side of the program: one process may run it beside the chain's owner, or several without."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable

from tornado.ioloop import PeriodicCallback

from handlers.base import AppContext
from handlers.server import listen
from jobs.chain_status import Snapshot
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.monitoring.metrics import Metrics
from jobs.monitoring.owner_watch import OwnerWatch
from jobs.monitoring.tasks import Tasks
from jobs.settings import Settings

log = logging.getLogger("faucet.http")

REFRESH = 0.5  #: seconds between two looks at what the chain's owner wrote
NOTICE = 0.1  #: … at what other processes moved, while somebody waits for it and the chain's owner is one of them
OPERATORS_NOTICE = 0.5  #: … while that is this process, and only operators' commands are others
ANSWER_TIMEOUT = 1.0  #: seconds that replies in hand may take when the program stops


class HttpService:
    """Answers on a socket, with what the ledger knows."""

    def __init__(self, settings: Settings, ledger: Ledger, metrics: Metrics, *, owns_chain: Callable[[], bool]) -> None:
        """`owns_chain`: whether the chain's owner is in this process, which may change."""
        self._ledger = ledger
        self._owns_chain = owns_chain
        self._noticed_at = 0.0
        self._snapshot = Snapshot(ledger)
        self._context = AppContext(settings, ledger, self._snapshot, metrics)
        self._look = asyncio.Lock()  # held by a timer's look at the ledger
        self._owner_watch = OwnerWatch(settings, ledger, self._snapshot)
        self._tasks = Tasks(metrics)
        self._timers = [
            PeriodicCallback(self._refresh, REFRESH * 1000),
            PeriodicCallback(self._notice, NOTICE * 1000),
        ]

    async def start(self, listener: socket.socket) -> None:
        """Serve what comes to `listener`. Raises FaucetError `ledger_unavailable`."""
        await self._snapshot.refresh()
        await self._end_sessions()
        self._server = listen(self._context, listener)
        for timer in self._timers:
            timer.start()
        self._tasks.start("owner watch", self._owner_watch.run)
        self._tasks.start("lists", self._context.lists.watch)

    async def reload(self) -> None:
        """Read the lists again."""
        await self._context.lists.reload()

    async def finish(self) -> None:
        """Take no more requests, and answer those that were accepted."""
        self._server.stop()
        for timer in self._timers:
            timer.stop()
        await self._tasks.end()
        async with self._look:  # Tornado abandons the one in hand, and the ledger is closed next
            pass
        self._ledger.changes.close()
        await self._ledger.signups.finish()
        await self._context.in_flight.wait_none(ANSWER_TIMEOUT)

    async def close(self) -> None:
        """Close what connections are left."""
        await self._server.close_all_connections()

    async def _end_sessions(self) -> None:
        """Delete what another password, another secret or time has ended."""
        try:
            await self._ledger.sessions.purge(key_id=self._context.key_id)
        except FaucetError as error:  # they stay ended all the same
            log.warning("sessions not deleted", extra={"fields": {"reason": error}})

    async def _refresh(self) -> None:
        try:
            async with self._look:
                await self._snapshot.refresh()
        except FaucetError as error:
            log.warning("chain status not read", extra={"fields": {"reason": error}})

    async def _notice(self) -> None:
        now = time.monotonic()
        if self._owns_chain() and now - self._noticed_at < OPERATORS_NOTICE:
            return
        self._noticed_at = now
        try:
            async with self._look:
                await self._ledger.change_poller.poll()
                await self._ledger.decisions.poll()
        except FaucetError as error:
            log.warning("changes not polled", extra={"fields": {"reason": error}})
