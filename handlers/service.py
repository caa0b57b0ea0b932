"""The HTTP side of the program: one process may run it beside the chain's owner, or several without."""

import logging
import socket
from collections.abc import Callable

from handlers.base import AppContext
from handlers.server import listen
from jobs.chain_status import Snapshot
from jobs.errors import FaucetError
from jobs.ledger import Ledger
from jobs.monitoring.metrics import Metrics
from jobs.monitoring.owner_watch import OwnerWatch
from jobs.monitoring.tasks import Tasks, repeat, tick
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
        self._snapshot = Snapshot(ledger)
        self._context = AppContext(settings, ledger, self._snapshot, metrics)
        self._owner_watch = OwnerWatch(settings, ledger, self._snapshot)
        self._tasks = Tasks(metrics)

    async def start(self, listener: socket.socket, place: int | None = None) -> None:
        """Serve what comes to `listener`, with a `place` among the processes that accept from it.

        Raises FaucetError `ledger_unavailable`.
        """
        await self._snapshot.refresh()
        await self._end_sessions()
        self._server = listen(self._context, listener, place)
        self._tasks.start("snapshot", lambda: repeat(REFRESH, self._refresh))
        self._tasks.start("changes", self._notice)
        self._tasks.start("owner watch", self._owner_watch.run)
        self._tasks.start("lists", self._context.lists.watch)

    async def reload(self) -> None:
        """Read the lists again."""
        await self._context.lists.reload()

    async def finish(self) -> None:
        """Take no more requests, and answer those that were accepted."""
        self._server.stop()
        await self._tasks.end()
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
            await self._snapshot.refresh()
        except FaucetError as error:
            log.warning("chain status not read", extra={"fields": {"reason": error}})

    async def _notice(self) -> None:
        while True:
            await tick(OPERATORS_NOTICE if self._owns_chain() else NOTICE)
            try:
                await self._ledger.change_poller.poll()
                await self._ledger.decisions.poll()
            except FaucetError as error:
                log.warning("changes not polled", extra={"fields": {"reason": error}})
