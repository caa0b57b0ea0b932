"""Fills the names cache from the chain's list of accounts; again when another stranger lists them."""

import asyncio
import logging

from chain.dialect import Cause
from chain.errors import LinkError, Refused
from chain.link import Link
from chain.node import Node
from jobs.chain_status import ChainStatusPublisher
from jobs.errors import FaucetError
from jobs.ledger.names import Names
from jobs.nodes.confirmation import ConfirmedChain

log = logging.getLogger("faucet.names")

PAGE = 1000  #: names a call gives at the most, where the node is not configured for fewer (database_api.cpp)
SMALLER = 10  #: how many times fewer are asked for when it is
MIN_PAGE = 2  #: a page begins with the last name of the one before
MAX_NAMES = 50_000_000  #: names that are read of one list: a node could make up more without end
RETRY_DELAY = 3.0  #: seconds before a page is asked for again after a failure
CHECK_INTERVAL = 5.0  #: seconds between two looks at whether another node is in use


class NamesCache:
    """Reads the list page by page, going on where an earlier run stopped.

    Names that are registered meanwhile come with the blocks, so the cache misses none.
    """

    def __init__(
        self, *, link: Link, node: Node, names: Names, chain_status: ChainStatusPublisher, confirmed: ConfirmedChain
    ) -> None:
        self._link = link
        self._node = node
        self._names = names
        self._chain_status = chain_status
        self._confirmed = confirmed
        self._page = PAGE
        self._read = 0

    async def run(self) -> None:
        """Keep the cache complete, whichever node is in use."""
        while True:
            try:
                await self._link.wait_connected()
                await self.fill()
                await asyncio.sleep(CHECK_INTERVAL)
            except (LinkError, Refused, FaucetError) as error:
                log.info("names not read, retrying", extra={"fields": {"reason": error}})
                await asyncio.sleep(RETRY_DELAY)

    async def fill(self) -> None:
        """Read what is not read yet. Raises LinkError, Refused or FaucetError; the next call goes on."""
        await self._take_node(self._confirmed.seen_by)
        while not self._chain_status.now.names_complete:
            if await self._read_page():
                await self._chain_status.update(names_complete=True)

    async def _take_node(self, stranger: str | None) -> None:
        """Let the names of `stranger` count, None is an own node; the list is read again unless an own one gave it."""
        before = await self._names.source()
        if stranger == before:
            return
        anew = before is not None or not self._chain_status.now.names_complete
        log.info("names of another node count", extra={"fields": {"list_again": anew}})
        self._read, self._page = 0, PAGE
        await self._names.use_source(stranger, anew=anew)
        if anew:
            await self._chain_status.update(names_complete=False)

    async def _read_page(self) -> bool:
        """Read one page after the last name known; whether it was the last one."""
        source, cursor = self._confirmed.seen_by, await self._names.cursor()
        page = await self._ask(cursor)
        if page:
            await self._names.save_page(page, cursor=page[-1][0], listed_by=source)
        self._read += len(page)
        log.info("names read", extra={"fields": {"up_to": page[-1][0] if page else cursor}})
        if self._read > MAX_NAMES:
            log.error("too many names: the rest is not read", extra={"fields": {"max": MAX_NAMES}})
        return len(page) < self._page or self._read > MAX_NAMES

    async def _ask(self, cursor: str) -> list[tuple[str, str]]:
        """The names from `cursor` on: fewer at once where the node does not give so many."""
        while True:
            try:
                return await self._node.names_page(cursor, self._page)
            except Refused as error:
                if error.refusal.cause is not Cause.LIMIT_EXCEEDED or self._page == MIN_PAGE:
                    raise
                self._page = max(MIN_PAGE, self._page // SMALLER)
                log.info("the node lists fewer names at once", extra={"fields": {"page": self._page}})
