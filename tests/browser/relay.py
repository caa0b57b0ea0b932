"""A relay in front of a faucet that records every byte a browser sends, and can change what it gets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

from tests.harness.listening import listening

PIECE = 1 << 16  #: bytes that are passed on at a time


@dataclass
class Relay:
    """Passes on what both sides say."""

    target: str  #: the faucet's URL
    port: int = 0
    sent: bytearray = field(default_factory=bytearray)  #: by the browser, of all connections
    replaced: tuple[bytes, bytes] = (b"\0", b"\0")  #: in replies: this by that, of the same length
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def url(self) -> str:
        """Where a browser finds the faucet, behind the relay."""
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one connection, until one side has gone or the relay ends."""
        self._tasks.add(task := cast("asyncio.Task[None]", asyncio.current_task()))
        with contextlib.suppress(ExceptionGroup, OSError, asyncio.CancelledError):
            await self._pass_on(reader, writer)
        writer.close()
        self._tasks.remove(task)

    async def end(self) -> None:
        """End every connection."""
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        where = urlsplit(self.target)
        there, back = await asyncio.open_connection(where.hostname, where.port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, back))
                group.create_task(self._replies(there, writer))
        finally:
            back.close()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            self.sent += piece
            writer.write(piece)
        writer.close()

    async def _replies(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            writer.write(piece.replace(*self.replaced))
        writer.close()


@contextlib.asynccontextmanager
async def relayed(target: str) -> AsyncIterator[Relay]:
    """A relay in front of `target`, until the block ends."""
    relay = Relay(target)
    try:
        async with listening(relay.serve) as relay.port:
            yield relay
    finally:
        await relay.end()
