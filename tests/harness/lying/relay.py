"""A lying node: a relay before a true one, which applies the lies that are switched on."""

import asyncio
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import connect
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import WebSocketException
from websockets.http11 import Request as Handshake
from websockets.http11 import Response

from devchain.server import close_server
from tests.harness.lying.conversation import Conversation, decode, encode_call
from tests.harness.lying.lie import BROADCASTS, Lie, Request
from tests.harness.lying.shapes import REDIRECTED

MAX_FRAME = 32_000_000  #: bytes; a node drops connections that send more
CLOSE_TIMEOUT = 1.0  #: seconds that a client has for the closing handshake
OPTIONS: dict[str, Any] = {
    "max_size": MAX_FRAME,
    "compression": None,
    "close_timeout": CLOSE_TIMEOUT,
    "ping_interval": None,
}


class Relay:
    """Listens on a free port for as long as its block lasts; clients are relayed to `upstream`.

    A lie that fails by itself drops its client, and is raised at the end of the block.
    """

    def __init__(self, upstream: str, *, host: str = "127.0.0.1") -> None:
        self._host = host
        self.upstream = upstream  #: the true node, for clients that connect from now on
        self.lies: tuple[Lie, ...] = ()  #: switched on, the first applied first
        self.seen: Counter[str] = Counter()  #: calls received, by method
        self.lied: Counter[str] = Counter()  #: calls that a lie answered, by the name of its class
        self.broadcasts: list[Any] = []  #: transactions that clients sent, forwarded or not
        self.connections = 0  #: clients that connected
        self.redirects_followed = 0  #: clients that followed a redirect of this relay to itself
        self.failures: list[Exception] = []  #: raised by lies, which are bugs of theirs
        self._clients: set[ServerConnection] = set()
        self._news = asyncio.Event()  # replaced by a fresh one at every change
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(self._converse, self._host, 0, process_request=self._process_handshake, **OPTIONS)
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self.disconnect()
            await close_server(self._server)
        if self.failures and error is None:
            raise ExceptionGroup("lies failed", self.failures)

    @property
    def url(self) -> str:
        """Where clients connect; only within the block."""
        if self._server is None:
            raise RuntimeError("the relay is not started")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"ws://{host}:{port}"

    def lie(self, *lies: Lie) -> None:
        """Switch on `lies`, on top of those that are on, for all calls that come from now on."""
        self.lies += lies

    def heal(self) -> None:
        """Switch off all lies."""
        self.lies = ()

    def disconnect(self) -> None:
        """Drop all clients without a closing handshake."""
        for client in self._clients:
            client.transport.abort()

    async def called(self, method: str, times: int = 1) -> None:
        """Return once `method` was called `times` times in all, the calls before this included.

        For two more calls: `await relay.called(method, relay.seen[method] + 2)`.
        """
        await self._until(lambda: self.seen[method] >= times)

    async def lied_with(self, lie: type[Lie], times: int = 1) -> None:
        """Return once lies of this class have answered `times` calls."""
        await self._until(lambda: self.lied[lie.__name__] >= times)

    async def connected(self, times: int = 1) -> None:
        """Return once `times` clients have come in all."""
        await self._until(lambda: self.connections >= times)

    async def replay(self) -> list[str | None]:
        """Broadcast all transactions of clients to the true node; returns the messages of refusals."""
        async with connect(self.upstream, proxy=None, **OPTIONS) as socket:
            return [await _broadcast(socket, transaction) for transaction in list(self.broadcasts)]

    def record_call(self, request: Request) -> None:
        """Count a client's call."""
        if request.method in BROADCASTS and request.arguments:
            self.broadcasts.append(request.arguments[-1])
        self.seen[request.method] += 1
        self._announce()

    def record_lie(self, lie: Lie) -> None:
        """Count a lie."""
        self.lied[type(lie).__name__] += 1
        self._announce()

    async def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await self._news.wait()

    def _announce(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def _process_handshake(self, _: ServerConnection, handshake: Handshake) -> Response | None:
        if handshake.path == REDIRECTED:
            self.redirects_followed += 1
            return None
        responses = (lie.handshake(handshake.path) for lie in self.lies)
        return next((response for response in responses if response), None)

    async def _converse(self, client: ServerConnection) -> None:
        self.connections += 1
        self._announce()
        self._clients.add(client)
        try:
            async with connect(self.upstream, proxy=None, **OPTIONS) as upstream:
                await Conversation(self, client, upstream).run()
        except (OSError, WebSocketException):
            client.transport.abort()
        finally:
            self._clients.discard(client)


async def _broadcast(socket: Any, transaction: Any) -> str | None:
    await socket.send(encode_call(1, "network_broadcast", "broadcast_transaction", [transaction]))
    reply = decode(await socket.recv())
    return str(reply["error"]["message"]) if "error" in reply else None
