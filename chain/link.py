"""One persistent websocket to one of several nodes: time-outs, reconnection, failover."""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from chain.errors import LinkError, NotSent, OutcomeUnknown, Refused
from chain.protocol import Session

log = logging.getLogger("faucet.link")

FRAME_MOST = 32_000_000  #: bytes; a node drops connections that send more (measured)
BLOCK_CALLBACK = 1  #: the id under which new blocks are announced
TIMEOUTS_MOST = 2  #: calls in a row without an answer before a node is left for the next

Call = Callable[[str, str, list[Any]], Awaitable[Any]]


def backoff(first: float, most: float, jitter: Callable[[], float]) -> Iterator[float]:
    """Delays in seconds, doubling from `first` to `most`, each shortened by up to a half at random.

    `jitter` gives numbers from 0 to 1; without it all clients of a node that returns would come at once.
    """
    delay = first
    while True:
        yield delay * (1 - jitter() / 2)
        delay = min(most, delay * 2)


def without_credentials(url: str) -> str:
    """`url` as it may be shown: no user, password, path or query."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


class Link:
    """Keeps a connection to the first node that serves, for as long as `run` runs.

    `greet` looks at a node, by the call it is given, before others may use it and every `recheck` seconds
    from then on; it raises LinkError to have it left for the next. `on_block` is called at each new block,
    and every `poll` seconds without one, in case a notice was missed.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        greet: Callable[[Call], Awaitable[None]],
        on_block: Callable[[], None],
        timeout: float = 10.0,
        poll: float = 3.0,
        recheck: float = 60.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._urls = tuple(urls)
        self._greet = greet
        self._on_block = on_block
        self._timeout = timeout
        self._poll = poll
        self._recheck = recheck
        self._sleep = sleep
        self._jitter = jitter
        self._session: Session | None = None
        self._socket: ClientConnection | None = None
        self._ready = asyncio.Event()  # a node was greeted and may be used
        self._noticed = asyncio.Event()
        self._timeouts = 0  # calls in a row that got no answer
        self._last_url: str | None = None  # of the last node in use, to tell a failover
        self.url: str | None = None  #: the node in use, without credentials
        self.epoch = 0  #: how many connections there were: one more, and what was sent before is unknown
        self.failovers = 0  #: how often another node took over
        self.trouble: str | None = "no node was reached yet"  #: why there is no connection, for people

    @property
    def connected(self) -> bool:
        """Whether calls can be made."""
        return self._ready.is_set()

    async def wait_connected(self) -> None:
        """Return as soon as calls can be made."""
        await self._ready.wait()

    async def call(self, api: str, method: str, arguments: list[Any]) -> Any:
        """The result of a call.

        Raises NotSent without a connection, OutcomeUnknown if it is lost or no answer comes in time, Refused
        if the node answers with an error, BadReply if with something else.
        """
        if not self.connected:
            raise NotSent(f"not connected: {self.trouble}")
        return await self._call(api, method, arguments)

    async def run(self) -> None:
        """Connect, stay connected, reconnect; until cancelled."""
        delays = self._delays()
        for url in cycle(self._urls):
            epoch = self.epoch
            try:
                await self._use(url)
            except (OSError, WebSocketException, LinkError, Refused, TimeoutError) as error:
                self._note_trouble(url, error)
            if self.epoch != epoch:
                delays = self._delays()
            await self._sleep(next(delays))

    def _delays(self) -> Iterator[float]:
        return backoff(0.1, 10.0, self._jitter)

    def _note_trouble(self, url: str, error: Exception) -> None:
        trouble = f"{without_credentials(url)}: {error or type(error).__name__}"
        # A node that stays away says the same every few seconds: once is enough.
        log.log(logging.DEBUG if trouble == self.trouble else logging.WARNING, "node lost: %s", trouble)
        self.trouble = trouble

    async def _use(self, url: str) -> None:
        """Use the node at `url` until it is lost or unfit; how it ended is raised."""
        async with self._connection(url):
            await self._greet(self._call)
            await self._call("database", "set_block_applied_callback", [BLOCK_CALLBACK])
            self._enter(url)
            try:
                await self._watch()
            finally:
                self._ready.clear()
                self.url = None

    def _enter(self, url: str) -> None:
        self.failovers += self._last_url not in (None, url)
        self._last_url = url
        self.epoch += 1
        self.url = without_credentials(url)
        self.trouble = None
        self._ready.set()
        self._on_block()
        log.info("node in use: %s", self.url)

    @contextlib.asynccontextmanager
    async def _connection(self, url: str) -> AsyncIterator[None]:
        options: dict[str, Any] = {"max_size": FRAME_MOST, "compression": None, "proxy": None}
        async with connect(url, open_timeout=self._timeout, close_timeout=1.0, **options) as socket:
            self._socket, self._session, self._timeouts = socket, Session(), 0
            reading = asyncio.create_task(self._read(socket, self._session), name="chain reader")
            try:
                yield
            finally:
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
                self._session.lose(OutcomeUnknown("the connection was lost"))
                self._socket = self._session = None

    async def _read(self, socket: ClientConnection, session: Session) -> None:
        """Take frames until the connection ends or sends what no node would."""
        try:
            async for frame in socket:
                self._timeouts = 0
                notice = session.receive(frame)
                if notice is not None and notice[0] == BLOCK_CALLBACK:
                    self._noticed.set()
                    self._on_block()
        except (WebSocketException, LinkError) as error:
            log.warning("connection dropped: %s", error)
        finally:
            session.lose(OutcomeUnknown("the connection was lost"))
            await socket.close()

    async def _watch(self) -> None:
        """Poll where notices fail, and look at the node again now and then, until the connection ends."""
        loop = asyncio.get_running_loop()
        looked = loop.time()
        closed = asyncio.ensure_future(self._open_socket().wait_closed())
        try:
            while not closed.done():
                if not await self._wait_notice(closed):
                    self._on_block()
                if loop.time() - looked >= self._recheck:
                    looked = loop.time()
                    await self._greet(self._call)
        finally:
            closed.cancel()
        raise LinkError("the connection was lost")

    async def _wait_notice(self, closed: asyncio.Future[None]) -> bool:
        """Whether a block was noticed, or the connection ended, within the poll interval."""
        self._noticed.clear()
        noticed = asyncio.ensure_future(self._noticed.wait())
        awaited: set[asyncio.Future[Any]] = {noticed, closed}
        done, _ = await asyncio.wait(awaited, timeout=self._poll, return_when=asyncio.FIRST_COMPLETED)
        noticed.cancel()
        return bool(done)

    async def _call(self, api: str, method: str, arguments: list[Any]) -> Any:
        if self._session is None:
            raise NotSent("not connected")
        text, answer = self._session.request(api, method, arguments)
        try:
            async with asyncio.timeout(self._timeout):
                await self._open_socket().send(text)
                return await answer
        except WebSocketException as error:
            raise OutcomeUnknown("the connection was lost") from error
        except TimeoutError:
            await self._note_timeout()
            raise OutcomeUnknown(f"no answer to {method} within {self._timeout:g} seconds") from None
        finally:
            answer.cancel()

    async def _note_timeout(self) -> None:
        self._timeouts += 1
        if self._timeouts >= TIMEOUTS_MOST and self._socket is not None:
            log.warning("node does not answer, the connection is dropped")
            await self._socket.close()

    def _open_socket(self) -> ClientConnection:
        if self._socket is None:
            raise NotSent("not connected")
        return self._socket
