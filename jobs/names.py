"""Fills the names cache from the chain's list of accounts, once."""

import asyncio
import logging

from chain.errors import LinkError, Refused
from chain.link import Link
from chain.node import Node
from jobs.errors import FaucetError
from jobs.facts import Facts
from jobs.ledger import Ledger

log = logging.getLogger("faucet.names")

PAGE = 1000  #: names a call gives at the most (database_api.cpp)
TRY_AGAIN = 3.0  #: seconds before a page is asked for again after a failure


async def fill_names(link: Link, node: Node, ledger: Ledger, facts: Facts) -> None:
    """Read all names, page by page, going on where an earlier run stopped; return when it is complete.

    Names that are registered meanwhile come with the blocks, so the cache misses none.
    """
    while not facts.now.names_complete:
        try:
            complete = await _read_page(link, node, ledger)
            if complete:
                await facts.update(names_complete=True)
        except (LinkError, Refused, FaucetError) as error:
            log.info("reading names put off: %s", error)
            await asyncio.sleep(TRY_AGAIN)


async def _read_page(link: Link, node: Node, ledger: Ledger) -> bool:
    """Read one page after the last name known; whether it was the last one."""
    await link.wait_connected()
    cursor = await ledger.names_cursor()
    page = await node.names_page(cursor, PAGE)
    if page:
        await ledger.put_names(page, cursor=page[-1][0])
    log.info("names read up to %s", page[-1][0] if page else cursor)
    return len(page) < PAGE
