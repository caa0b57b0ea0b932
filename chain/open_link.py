"""A temporary connection, for commands that make a few calls."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from chain.cancellation import end_tasks
from chain.errors import NotSent
from chain.link import Link


async def _any(_call: object, _peer: object) -> None:
    """Accept any node: the caller checks it."""


#: Seconds beyond the attempt's own timeout, which says why the node is not reached.
GRACE = 1.0


@contextlib.asynccontextmanager
async def open_link(urls: Sequence[str], *, timeout: float) -> AsyncIterator[Link]:  # noqa: ASYNC109  # also of each call
    """A link to the first node of `urls` that answers, until the block ends.

    Raises NotSent where none does within `timeout` seconds, which each of them has.
    """
    link = Link(urls, validate_node=_any, on_block=lambda: None, timeout=timeout)
    running = asyncio.create_task(link.run())
    try:
        try:
            async with asyncio.timeout(timeout * len(urls) + GRACE):
                await link.wait_connected()
        except TimeoutError:
            raise NotSent(f"not reached: {link.last_error}") from None
        yield link
    finally:
        await end_tasks([running])
