"""One process of the faucet: HTTP, the owner of the chain, or both, on one ledger."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable

from chain.node import Node
from commands.owned_chain import OwnedChain
from devchain import DevChain
from devchain.journal import JournalError, JournalInUseError
from handlers.service import HttpService
from jobs.errors import FaucetError
from jobs.ledger import Ledger, LedgerError
from jobs.ledger.processes import this_process
from jobs.model.owner import Candidate
from jobs.monitoring.metrics import Metrics
from jobs.monitoring.tasks import Tasks, tick
from jobs.owner.election import Election
from jobs.settings import Settings

log = logging.getLogger("faucet")

PLACE_INTERVAL = 1.0  #: seconds between two looks whether the ledger is where it was opened
MISPLACED_GRACE = 3.0  #: seconds that signups and /readyz are answered with the reason before the process ends


class Service:
    """Serves HTTP, stands in line for the chain, or both."""

    def __init__(
        self, settings: Settings, *, ledger_class: type[Ledger] = Ledger, node_class: type[Node] = Node
    ) -> None:
        self._settings = settings
        self._ledger_class = ledger_class
        self._node_class = node_class
        self._http: HttpService | None = None
        self._election: Election | None = None
        self._announce: Callable[[DevChain], None] | None = None
        self._stands = False  # in line, or owns the chain
        self._dev_chain: DevChain | None = None  # the embedded one, as long as this process owns it
        self._watch: asyncio.Task[None] | None = None  # whether the ledger is in its place
        self._fatal: asyncio.Queue[Exception] = asyncio.Queue()  # why this process can't go on

    async def start(
        self, listener: socket.socket | None, *, place: int | None = None, metrics: Metrics | None = None
    ) -> None:
        """Open the ledger, and serve HTTP on `listener`, if there is one, at a `place` among other processes.

        Raises OSError, LedgerError or FaucetError, and leaves nothing open then.
        """
        async with contextlib.AsyncExitStack() as opened:
            if listener is not None:
                opened.enter_context(listener)
            self._ledger = ledger = await self._ledger_class.open(self._settings.ledger)
            opened.push_async_callback(ledger.close)
            self._metrics = metrics = metrics or Metrics()
            opened.callback(asyncio.create_task(metrics.share(), name="metrics").cancel)
            if listener is not None:
                self._http = HttpService(self._settings, ledger, metrics, owns_chain=self.owns_chain)
                await self._http.start(listener, place)
            self._opened = opened.pop_all()

    async def stand_in_line(self) -> None:
        """Own the chain once no other process does; returns at once where one does."""

        def owner_of(ledger: Ledger) -> OwnedChain:
            return OwnedChain(
                self._settings, ledger, self._metrics, node_class=self._node_class, opened=self._chain_opened,
                fail=self._chain_failed,
            )  # fmt: skip

        self._election = Election(
            self._ledger, Candidate(self._settings.machine_name, this_process()), seconds=self._settings.lease_seconds,
            owner_of=owner_of, tasks=Tasks(self._metrics),
        )  # fmt: skip
        await self._election.start()
        self._stands = True

    def announce_chain(self, announce: Callable[[DevChain], None]) -> None:
        """Call `announce` with the embedded dev chain, now and whenever this process opens it."""
        self._announce = announce
        if self._dev_chain is not None:
            announce(self._dev_chain)

    def _chain_failed(self, error: JournalError) -> None:
        """End this process, unless it waited in line and the file may soon be free: a stopped owner may go on."""
        if not (self._stands and isinstance(error, JournalInUseError)):
            self._fatal.put_nowait(error)
            if self._election is not None:
                self._election.leave()

    def _chain_opened(self, dev_chain: DevChain | None) -> None:
        self._dev_chain = dev_chain
        if self._announce is not None and dev_chain is not None:
            self._announce(dev_chain)

    def owns_chain(self) -> bool:
        """Whether this process owns the chain."""
        return self._election is not None and self._election.epoch is not None

    async def check(self) -> None:
        """Raises FaucetError if a background task of the chain's owner has ended, or the ledger's file can't be read.

        A database is not asked: another start of this process does not mend it.
        """
        if self._election is not None:
            self._election.check()
        if self._settings.ledger_file is not None:
            await self._ledger.queries.counts()

    async def reload(self) -> None:
        """Read again what may change while the program runs."""
        if self._http is not None:
            await self._http.reload()

    async def failure(self) -> Exception:
        """Wait until this process can't go on; the reason."""
        self._watch = asyncio.create_task(self._watch_place(), name="place")
        try:
            return await self._fatal.get()
        finally:
            self._watch.cancel()

    async def stop(self) -> None:
        """Answer what was accepted, finish the drain in hand, give the lease back, close everything."""
        if self._watch is not None:
            self._watch.cancel()  # SQLite's last connection takes the log away
        # At once: another process waits for the lease, and what was accepted is in the ledger for that one.
        stops = [part.finish() for part in (self._http,) if part] + [part.stop() for part in (self._election,) if part]
        await asyncio.gather(*stops)
        if self._http is not None:
            await self._http.close()
        await self._opened.aclose()

    async def _watch_place(self) -> None:
        """End this process once the ledger is removed, replaced, moved or overwritten; requests are told so before."""
        while (problem := self._ledger.misplaced()) is None:  # no event tells of a file that is moved
            await tick(PLACE_INTERVAL)
        log.critical("ledger misplaced", extra={"fields": {"reason": problem}})
        try:
            await self._ledger.rescue()
        except FaucetError as error:
            log.warning("ledger's log not written", extra={"fields": {"reason": error.__cause__}})
        await asyncio.sleep(MISPLACED_GRACE)
        self._fatal.put_nowait(LedgerError(problem))
