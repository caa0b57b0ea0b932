"""A node whose answers a test scripts, on a real websocket."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chain.connection import BLOCK_CALLBACK
from tests.harness.support import data

SAMPLES = data("node-samples.json")
ERRORS = data("node-errors.json")


#: Handles a call, given its socket and the call's id.
Behaviour = Callable[[ServerConnection, int], Awaitable[None]]


def sends(**members: Any) -> Behaviour:
    async def behave(socket: ServerConnection, number: int) -> None:
        await socket.send(json.dumps({"id": number, "jsonrpc": "2.0", **members}))

    return behave


def sends_recorded(name: str, **changes: Any) -> Behaviour:
    result = SAMPLES[name]["reply"]["result"]
    return sends(result={**result, **changes} if changes else result)


def sends_frame(frame: str | bytes) -> Behaviour:
    async def behave(socket: ServerConnection, _: int) -> None:
        await socket.send(frame)

    return behave


async def stays_silent(_socket: ServerConnection, _number: int) -> None:
    """Never answer the call."""


async def drops(socket: ServerConnection, _: int) -> None:
    """Drop the connection as a killed node does: without a closing handshake."""
    socket.transport.abort()


class ScriptedNode:
    """A node with a behaviour for each method; by default it answers with the recorded replies."""

    def __init__(self, **script: Behaviour) -> None:
        self.script: dict[str, Behaviour] = {
            "get_chain_properties": sends_recorded("get_chain_properties"),
            "get_dynamic_global_properties": sends_recorded("get_dynamic_global_properties"),
            "set_block_applied_callback": sends_recorded("set_block_applied_callback"),
            "get_block": sends(result=None),
            **script,
        }
        self.url = ""
        self.calls: list[Any] = []
        self.sockets: list[ServerConnection] = []
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["ScriptedNode"]:
        quiet = logging.getLogger("scripted node")
        quiet.setLevel(logging.CRITICAL)
        async with serve(self._serve, "127.0.0.1", 0, logger=quiet) as server:
            host, port = next(iter(server.sockets)).getsockname()
            self.url = f"ws://{host}:{port}"
            yield self

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds`, which may turn true with a connection, a call or a closed connection."""
        async with self._news:
            await self._news.wait_for(holds)

    async def announce_block(self, callback: int = BLOCK_CALLBACK) -> None:
        notice = {**SAMPLES["notices"][0], "params": [callback, SAMPLES["notices"][0]["params"][1]]}
        await self.sockets[-1].send(json.dumps(notice))

    def call_count(self, method: str) -> int:
        return [call[1] for call in self.calls].count(method)

    async def _serve(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        await self._notify()
        with suppress(ConnectionClosed):
            async for frame in socket:
                request = json.loads(frame)
                self.calls.append(request["params"])
                await self._notify()
                await self.script[request["params"][1]](socket, request["id"])
        await self._notify()

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()
