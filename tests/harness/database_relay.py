"""A relay in front of PostgreSQL that strikes at a chosen statement of a faucet's, before it is done or after."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from tests.harness.listening import listening
from tests.harness.postgresql import USER

_LENGTH = struct.Struct("!i")
ENDS = (b"Q", b"S")  #: a statement alone, and the end of one with parameters: the server answers each
ANSWERED, BACKEND = b"Z", b"K"


@dataclass
class DatabaseRelay:
    """Passes on what both sides say, until it strikes: then neither hears of the other again."""

    socket: str  #: the server's
    port: int = 0
    statements: int = 0  #: passed on since it was armed
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    at: int | None = None
    done_first: bool = False
    strike: Callable[[int], None] = lambda _process: None

    @property
    def url(self) -> str:
        """Where a ledger is, behind the relay."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{USER}?sslmode=disable&gssencmode=disable"

    def arm(self, at: int, strike: Callable[[int], None], *, done_first: bool) -> None:
        """Strike at the statement of this number from now on, with the server's process for the session.

        `done_first`: once the server has answered, but before the faucet hears of it.
        """
        self.statements, self.at, self.strike, self.done_first = 0, at, strike, done_first
        self.struck.clear()

    def disarm(self) -> None:
        """Pass everything on."""
        self.at = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Relay one session."""
        with contextlib.suppress(asyncio.CancelledError, OSError):  # the test has ended, or there is no server
            await _Session(self, (reader, writer), await asyncio.open_unix_connection(self.socket)).run()
        writer.close()

    def is_due(self) -> bool:
        """Count a statement; whether it is the one."""
        self.statements += 1
        return self.statements == self.at

    def hit(self, process: int) -> None:
        """Strike, and tell."""
        self.strike(process)
        self.struck.set()


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Session:
    def __init__(self, relay: DatabaseRelay, here: Streams, there: Streams) -> None:
        self._relay = relay
        self._here = here
        self._there = there
        self._process = 0  # the server's, for this session
        self._due = False

    async def run(self) -> None:
        """Pass on what both sides say until one has gone."""
        tasks = [asyncio.create_task(part) for part in (self._requests(), self._answers())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for _, writer in (self._here, self._there):
                writer.close()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _requests(self) -> None:
        reader, writer = self._here[0], self._there[1]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            writer.write(await _message(reader, kind=b""))  # the first one has no kind
            while True:
                message = await _message(reader, kind=await reader.readexactly(1))
                if message[:1] in ENDS and self._relay.is_due():
                    self._due = True
                    if not self._relay.done_first:
                        self._strike()
                        return
                writer.write(message)

    async def _answers(self) -> None:
        reader, writer = self._there[0], self._here[1]
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await _message(reader, kind=await reader.readexactly(1))
                if message[:1] == BACKEND:
                    self._process = _LENGTH.unpack_from(message, 5)[0]
                if not self._due:
                    writer.write(message)
                elif message[:1] == ANSWERED:
                    self._strike()
                    return

    def _strike(self) -> None:
        for _, writer in (self._here, self._there):
            writer.transport.abort()
        self._relay.hit(self._process)


async def _message(reader: asyncio.StreamReader, kind: bytes) -> bytes:
    length = await reader.readexactly(4)
    return kind + length + await reader.readexactly(_LENGTH.unpack(length)[0] - 4)


@contextlib.asynccontextmanager
async def database_relay(socket: str) -> AsyncIterator[DatabaseRelay]:
    """A relay to the server at this Unix socket, until the block ends."""
    relay = DatabaseRelay(socket)
    async with listening(relay.serve) as relay.port:
        yield relay
