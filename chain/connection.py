"""One websocket to a node, and the calls on it."""

import asyncio
import contextlib
import gc
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec import Raw
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.uri import parse_uri

from chain.addresses import open_first
from chain.errors import LinkError, OutcomeUnknown, Refused, UnfitNode
from chain.protocol import Session

log = logging.getLogger("faucet.link")
# Below this level, websockets logs the handshake's headers, credentials among them.
socket_log = logging.getLogger("faucet.link.socket")
socket_log.setLevel(logging.WARNING)

#: Bytes of a frame. A block of 2 MB, the most that nodes pass on to each other, is 10.4 MB of JSON when it is full of
#: account_create: a lower bound would make real blocks unreadable.
MAX_FRAME = 12_000_000
MAX_QUEUE = 1  #: frames received and not yet read; beyond that, reading from the network pauses
MAX_UNSENT = 16_000_000  #: bytes in the send buffer: pongs fill it where a node pings and never reads
MAX_CALLS = 64  #: in flight: more than the sum of the callers' own limits, so that they do not wait for each other
BLOCK_CALLBACK = 1  #: the id under which new blocks are announced
CLOSE_TIMEOUT = 1.0  #: seconds for the closing handshake


class _BoundedSocket(ClientConnection):
    """A websocket whose send buffer is bounded, too."""

    def data_received(self, data: bytes) -> None:
        """Bound the send buffer: immediate replies, such as pongs, bypass flow control."""
        super().data_received(data)
        if self.transport.get_write_buffer_size() > MAX_UNSENT:
            self.transport.abort()


class _Connect(connect):
    """Connects to the configured node only."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Refuse a redirect, which the base class would follow: the operator chose this node, not another."""
        if isinstance(exc, InvalidStatus) and 300 <= exc.response.status_code < 400:
            return UnfitNode(f"redirects to another address (HTTP {exc.response.status_code}), which is not followed")
        return exc


@contextlib.asynccontextmanager
async def open_socket(url: str, *, timeout: float) -> AsyncIterator[ClientConnection]:  # noqa: ASYNC109  # of opening
    """A websocket to the node at `url`, opened within `timeout` seconds, until the block ends.

    Of the addresses of its name the first that completes the handshake. Raises LinkError, OSError, WebSocketException,
    or whatever else a URL or a reply makes websockets raise.
    """
    parts = parse_uri(url)
    opened = await open_first(
        parts.host,
        parts.port,
        lambda connection: _handshake(url, connection, timeout),
        discard=lambda late: late.transport.abort(),
        timeout=timeout,
    )
    try:
        yield opened
    finally:
        await _close(opened)


async def _handshake(url: str, connection: socket.socket, timeout: float) -> ClientConnection:  # noqa: ASYNC109  # the caller's
    return await _Connect(
        url,
        sock=connection,
        open_timeout=timeout,
        close_timeout=CLOSE_TIMEOUT,
        max_size=MAX_FRAME,
        max_queue=MAX_QUEUE,
        compression=None,
        proxy=None,
        logger=socket_log,
        create_connection=_BoundedSocket,
    )


async def _close(socket: ClientConnection) -> None:
    """Close within CLOSE_TIMEOUT: a node that never reads blocks even the closing handshake."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT):
            await socket.close()
    except TimeoutError:
        log.info("the closing handshake timed out")
    finally:
        socket.transport.abort()
        await socket.wait_closed()
        # A closed websocket is a reference cycle that holds its last frames, megabytes: too much to wait for a rare
        # collection. In the next loop iteration nothing else refers to it.
        asyncio.get_running_loop().call_soon(gc.collect)


def ip_address_of(peername: Sequence[Any]) -> str:
    """The IP address in the name of a socket's other end, without port and zone.

    An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is returned as IPv4.
    """
    address = ipaddress.ip_address(str(peername[0]).partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@dataclass(frozen=True, slots=True)
class Peer:
    """A connected node."""

    url: str  #: without credentials
    address: str  #: IP address of the connected socket: a host name may resolve to any


def _address_of(socket: ClientConnection) -> str:
    peername = socket.transport.get_extra_info("peername")
    if not peername:
        raise LinkError("the connection was lost")
    return ip_address_of(peername)


class Connection:
    """The calls on one websocket."""

    def __init__(
        self,
        socket: ClientConnection,
        url: str,
        *,
        timeout: float,
        on_block: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`timeout` is what a call may take, in seconds. Raises LinkError where `socket` is already lost."""
        self._socket = socket
        self._session = Session()
        self._timeout = timeout
        self._on_block = on_block
        self._clock = clock
        self._slots = asyncio.Semaphore(MAX_CALLS)
        self._left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timeouts = 0  #: calls in a row without an answer in time
        self.heard_at = clock()  #: clock time of the last frame
        self.peer = Peer(url, _address_of(socket))  #: the node

    def leave(self, reason: str) -> None:
        """End the connection for `reason`."""
        if not self._left.done():
            self._left.set_exception(LinkError(reason))

    async def left(self) -> None:
        """Wait until `leave` is called. Raises LinkError with its reason."""
        await self._left

    async def read(self) -> None:
        """Handle frames until the connection ends. Raises LinkError with the reason."""
        try:
            while True:
                self._take(await self._socket.recv(decode=False))
        except ConnectionClosed as error:
            raise LinkError(f"the connection was lost: {error}") from error
        finally:
            self._session.lose("the connection was lost")

    def _take(self, frame: bytes) -> None:
        self.heard_at = self._clock()
        if self._session.receive(frame) == BLOCK_CALLBACK:
            self._on_block()

    async def call(self, api: str, method: str, arguments: list[Any]) -> Raw:
        """The result of a call, as the node wrote it. Raises LinkError or Refused."""
        async with self._slots:
            return await self._call(api, method, arguments)

    async def _call(self, api: str, method: str, arguments: list[Any]) -> Raw:
        frame, answer = self._session.request(api, method, arguments)
        try:
            async with asyncio.timeout(self._timeout):
                # On a closed socket the reply fails too, since `read` loses the session: one error is enough.
                with contextlib.suppress(ConnectionClosed):
                    await self._socket.send(frame, text=True)
                # Not asyncio.wait, which takes four times as long.
                with contextlib.suppress(LinkError, Refused):
                    await answer
        except TimeoutError:
            self.timeouts += 1
            raise OutcomeUnknown(f"no answer to {method} within {self._timeout:g} seconds") from None
        finally:
            answer.cancel()
        self.timeouts = 0
        try:
            return answer.result()
        finally:
            del answer  # its exception refers to this frame: only the garbage collector would free the cycle
