"""A link under test: its clock and its sleep are the test's."""

import asyncio
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import msgspec

from chain.connection import Connection
from chain.errors import UnfitNode
from chain.link import Call, Link
from chain.node import Node
from tests.harness.scripted_node import SAMPLES, ScriptedNode

CHAIN_ID = SAMPLES["get_chain_properties"]["reply"]["result"]["chain_id"]

SHORT = 0.5  #: seconds for a node that is meant not to answer; another one that is late is just tried again
NEVER = math.inf


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Naps:
    """Replaces sleep: records each delay and returns at once, for the first `most` calls."""

    def __init__(self, most: float = NEVER) -> None:
        self.delays: list[float] = []
        self.over = asyncio.Event()
        self._most = most

    async def __call__(self, delay: float) -> None:
        self.delays.append(delay)
        if len(self.delays) >= self._most:
            self.over.set()
            await asyncio.Event().wait()


class Blocks:
    """Counts the calls of on_block."""

    def __init__(self) -> None:
        self.count = 0
        self._more = asyncio.Event()

    def __call__(self) -> None:
        self.count += 1
        self._more.set()

    async def until(self, count: int) -> None:
        while self.count < count:
            self._more.clear()
            await self._more.wait()


async def take_any(call: Call, _peer: object) -> None:
    await call("database", "get_chain_properties", [])


async def take_fit(call: Call, _peer: object) -> None:
    """Accept the recorded chain, if its head is not behind the recorded one."""
    node = Node(call)
    if await node.chain_id() != CHAIN_ID:
        raise UnfitNode("is on another chain")
    if (await node.head()).number < 62:
        raise UnfitNode("is out of sync")


def link_to(*nodes: ScriptedNode | str, **options: Any) -> Link:
    """A link that accepts any node, never polls, and does not wait between attempts."""
    urls = [node if isinstance(node, str) else node.url for node in nodes]
    defaults: dict[str, Any] = {"validate_node": take_any, "on_block": lambda: None, "poll": 3600.0, "sleep": Naps()}
    return Link(urls, **{**defaults, "clock": Clock(), "jitter": lambda: 0.0, **options})


@contextmanager
def impatient(connection: Connection | None) -> Iterator[None]:
    """The calls that begin in this block are given up; only these, however late others are answered."""
    assert connection is not None
    patience, connection._timeout = connection._timeout, 0.01
    try:
        yield
    finally:
        connection._timeout = patience


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[Link]:
    """Run `link` until the block ends; raises its exception if it ended by itself."""
    task = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def connected(*nodes: ScriptedNode | str, **options: Any) -> AsyncIterator[Link]:
    """Serve `nodes` and run a link to them that is connected."""
    async with AsyncExitStack() as stack:
        for node in nodes:
            if isinstance(node, ScriptedNode):
                await stack.enter_async_context(node.serving())
        link = await stack.enter_async_context(running(link_to(*nodes, **options)))
        await link.wait_connected()
        yield link


async def result_of(link: Link, method: str, *arguments: Any) -> Any:
    """The result of a database call, as plain values."""
    return msgspec.json.decode(await link.call("database", method, list(arguments)))


async def closed_port() -> str:
    """The URL of a port where nobody listens."""
    async with ScriptedNode().serving() as node:
        return node.url


async def error_of(url: str) -> str:
    """The link's last error once it has given up the node at `url` for now."""
    naps = Naps(most=1)
    async with running(link_to(url, sleep=naps)) as link:
        await naps.over.wait()
        return str(link.last_error)
