"""One process of the faucet: HTTP, the owner of the chain, or both, on one ledger."""

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING

from chain.keys import PrivateKey
from chain.node import Node
from commands.chain import open_chain
from handlers.service import HttpService
from jobs.errors import FaucetError
from jobs.ledger import Ledger, LedgerError
from jobs.monitoring.metrics import Metrics
from jobs.owner import ChainOwner
from jobs.settings import Settings

if TYPE_CHECKING:
    from devchain import DevChain

log = logging.getLogger("faucet")

PLACE_INTERVAL = 1.0  #: seconds between two looks whether the ledger is where it was opened
MISPLACED_GRACE = 3.0  #: seconds that signups and /readyz are answered with the reason before the process ends


class Service:
    """Runs HTTP, or the chain's owner with the embedded dev chain, or both."""

    def __init__(
        self, settings: Settings, *, ledger_class: type[Ledger] = Ledger, node_class: type[Node] = Node
    ) -> None:
        self._settings = settings
        self._ledger_class = ledger_class
        self._node_class = node_class
        self._http: HttpService | None = None
        self._owner: ChainOwner | None = None
        self.dev_chain: DevChain | None = None

    async def start(
        self, listener: socket.socket | None, *, chain: bool = True, metrics: Metrics | None = None
    ) -> None:
        """Serve HTTP on `listener`, if there is one, and own the chain if `chain` says so.

        Raises OSError, LedgerError or FaucetError, and leaves nothing open then.
        """
        async with contextlib.AsyncExitStack() as opened:
            if listener is not None:
                opened.enter_context(listener)
            nodes = await self._open_chain(opened) if chain else None
            self._ledger = ledger = await self._ledger_class.open(self._settings.ledger)
            opened.push_async_callback(ledger.close)
            metrics = metrics or Metrics()
            opened.callback(asyncio.create_task(metrics.share(), name="metrics").cancel)
            if listener is not None:
                self._http = HttpService(self._settings, ledger, metrics, alone=not chain)
                await self._http.start(listener)
            if nodes is not None:
                await self._own(*nodes, ledger, metrics)
            self._opened = opened.pop_all()

    async def check(self) -> None:
        """Raises FaucetError if the ledger can't be read, or a background task of the chain's owner has ended."""
        if self._owner is not None:
            self._owner.check()
        await self._ledger.queries.counts()

    async def misplaced(self) -> LedgerError:
        """Wait until the ledger is removed, replaced, moved or overwritten.

        Requests are told so for MISPLACED_GRACE before.
        """
        while (problem := self._ledger.misplaced()) is None:  # noqa: ASYNC110  # no event tells of a file that is moved
            await asyncio.sleep(PLACE_INTERVAL)
        log.critical("ledger misplaced", extra={"fields": {"reason": problem}})
        try:
            await self._ledger.rescue()
        except FaucetError as error:
            log.warning("ledger's log not written", extra={"fields": {"reason": error.__cause__}})
        await asyncio.sleep(MISPLACED_GRACE)
        return LedgerError(problem)

    async def stop(self) -> None:
        """Answer what was accepted, finish the current drain, close everything."""
        if self._http is not None:
            await self._http.finish()
        if self._owner is not None:
            await self._owner.stop()
        if self._http is not None:
            await self._http.close()
        await self._opened.aclose()

    async def _open_chain(self, opened: contextlib.AsyncExitStack) -> tuple[tuple[str, ...], PrivateKey]:
        self.dev_chain, urls, key = await open_chain(self._settings)
        if self.dev_chain is not None:
            opened.push_async_callback(self.dev_chain.stop)
        return urls, key

    async def _own(self, urls: tuple[str, ...], key: PrivateKey, ledger: Ledger, metrics: Metrics) -> None:
        self._owner = ChainOwner(
            settings=self._settings, urls=urls, key=key, ledger=ledger, metrics=metrics, node_class=self._node_class
        )
        await self._owner.start()
