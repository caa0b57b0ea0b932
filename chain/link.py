"""One persistent websocket to one of several nodes: time-outs, reconnection, failover."""

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from itertools import cycle
from typing import Any, NoReturn

from msgspec import Raw
from websockets.exceptions import InvalidURI, WebSocketException
from websockets.uri import parse_uri

from chain.cancellation import end_tasks
from chain.connection import BLOCK_CALLBACK, Connection, Peer, open_socket
from chain.errors import LinkError, NotSent, Refused
from chain.text import cut

log = logging.getLogger("faucet.link")
MAX_TIMEOUTS = 2  #: consecutive timeouts before a node is left for the next
MAX_REFUSALS = 3  #: consecutive refusals of one method, likewise
STABLE_AFTER = 1.0  #: seconds after which a connection counts as stable and the backoff starts over
LOG_INTERVAL = 60.0  #: seconds between log lines about a node that stays unreachable

#: Expected failures of a node; any other exception is a bug.
FAILURES = (OSError, UnicodeError, WebSocketException, LinkError, Refused)

#: A call: API, method and arguments in, the JSON of the result out. Raises LinkError or Refused.
Call = Callable[[str, str, list[Any]], Awaitable[Raw]]


#: Checks whether a node may be used. Raises LinkError if not.
NodeValidator = Callable[[Call, Peer], Awaitable[None]]


def backoff(first: float, longest: float, jitter: Callable[[], float]) -> Iterator[float]:
    """Delays in seconds, doubling from `first` to `longest`, each shortened by up to a half at random.

    `jitter` gives numbers from 0 to 1; without it all clients would reconnect to a returning node at once.
    """
    delay = first
    while True:
        yield delay * (1 - jitter() / 2)
        delay = min(longest, delay * 2)


def without_credentials(url: str) -> str:
    """The node's address for logs and pages: no user, password, path or query.

    Raises ValueError, which does not repeat `url`, if it is not a websocket's.
    """
    try:
        parts = parse_uri(url)
    except InvalidURI as error:
        raise ValueError(f"the URL of a node is not valid: {error.msg}") from None
    host = f"[{parts.host}]" if ":" in parts.host else parts.host
    return f"{'wss' if parts.secure else 'ws'}://{host}:{parts.port}"


class Link:
    """Keeps a connection to a usable node while `run` runs, and moves on to the next one when it fails.

    `validate_node` checks a node before it is used, every `recheck` seconds from then on, and after `silence`
    seconds without a frame; it raises LinkError to leave the node.
    `on_block` is called at each new block, and every `poll` seconds without one, in case a notice was missed.
    `timeout` bounds the opening of a connection and each call, in seconds.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        validate_node: NodeValidator,
        on_block: Callable[[], None],
        timeout: float = 10.0,
        poll: float = 3.0,
        silence: float = 10.0,
        recheck: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Raises ValueError if one of `urls` is not a websocket's."""
        self._display_urls = {url: without_credentials(url) for url in urls}
        self._validate = validate_node
        self._on_block = on_block
        self._timeout = timeout
        self._poll = poll
        self._silence = silence
        self._recheck = recheck
        self._clock = clock
        self._sleep = sleep
        self._jitter = jitter
        self._connection: Connection | None = None  # to a validated node
        self._connected = asyncio.Event()
        self._noticed = asyncio.Event()  # a new block was announced
        self._refused: Counter[str] = Counter()  # refusals in a row by method, on this connection
        self._used_since = math.inf  # clock time since which the node is in use; infinite before its validation
        self._last_url: str | None = None  # of the last node in use, to tell a failover
        self._logged_at: dict[str, float] = {}  # when a node's failure was last logged
        self.urls = tuple(self._display_urls.values())  #: all nodes, in the order of their use, without credentials
        self.peer: Peer | None = None  #: the node in use
        self.epoch = 0  #: number of connections so far; a new one leaves the outcome of earlier calls unknown
        self.failovers = 0  #: how often another node was switched to
        self.blocks = 0  #: how often a block was announced, or polled for as none was
        self.last_error: str | None = "no node was reached yet"  #: why there is no connection, for people

    @property
    def url(self) -> str | None:
        """The node in use, without credentials."""
        return None if self.peer is None else self.peer.url

    @property
    def connected(self) -> bool:
        """Whether calls can be made."""
        return self._connection is not None

    async def wait_connected(self) -> None:
        """Return as soon as calls can be made."""
        await self._connected.wait()

    async def call(self, api: str, method: str, arguments: list[Any]) -> Raw:
        """The result of a call, as the node wrote it.

        Raises NotSent without a connection, OutcomeUnknown if it is lost or no answer comes in time, Refused
        if the node answers with an error, BadReply if with neither result nor error.
        """
        if self._connection is None:
            raise NotSent(f"not connected: {self.last_error}")
        try:
            result = await self._connection.call(api, method, arguments)
        except Refused as error:
            self._count_refusal(api, method, error)
            raise
        except NotSent:
            # A caller that retries at once must find the connection gone, which takes a loop iteration.
            await asyncio.sleep(0)
            raise
        self._refused.pop(method, None)
        return result

    def leave(self, reason: str) -> None:
        """Leave the node in use for the next one, for `reason`, which `last_error` gives. A no-op without a node.

        Pending calls raise OutcomeUnknown. The only node is connected to again.
        """
        if self._connection is not None:
            self._connection.leave(reason)
            self.last_error = _sentence(self._connection.peer.url, reason)
            self._exit()

    def _count_refusal(self, api: str, method: str, error: Refused) -> None:
        """Leave a node that keeps refusing a read, if there is another: it restricts the API, or replays its chain."""
        self._refused[method] += 1
        if api == "database" and self._refused[method] >= MAX_REFUSALS and len(self._display_urls) > 1:
            self.leave(f"refuses {method}: {error}")

    async def run(self) -> None:
        """Connect and reconnect until cancelled."""
        delays = self._delays()
        for url in cycle(self._display_urls):
            self._used_since = math.inf
            try:
                await self._use(url)
            except Exception as error:  # noqa: BLE001  # whatever a node provokes, the next one is tried
                self._record_failure(url, error)
            if self._clock() - self._used_since >= STABLE_AFTER:
                delays = self._delays()
            await self._sleep(next(delays))

    def _delays(self) -> Iterator[float]:
        return backoff(0.1, 10.0, self._jitter)

    def _record_failure(self, url: str, error: Exception) -> None:
        is_failure = isinstance(error, FAILURES)
        self.last_error = _sentence(self._display_urls[url], str(error) if is_failure and str(error) else repr(error))
        if self._clock() - self._logged_at.get(url, -math.inf) >= LOG_INTERVAL:
            self._logged_at[url] = self._clock()
            fields = {"reason": self.last_error}
            log.warning("node not in use", exc_info=None if is_failure else error, extra={"fields": fields})

    async def _use(self, url: str) -> None:
        """Use the node at `url` until it is lost or unfit, and raise the reason."""
        async with open_socket(url, timeout=self._timeout) as socket:
            connection = Connection(
                socket, self._display_urls[url], timeout=self._timeout, on_block=self._announce_block, clock=self._clock
            )
            # If several fail at once, the first has the real reason: calls only see the loss.
            await _until_one_fails(connection.left(), connection.read(), self._stay(url, connection))

    async def _stay(self, url: str, connection: Connection) -> None:
        await self._validate(connection.call, connection.peer)
        await connection.call("database", "set_block_applied_callback", [BLOCK_CALLBACK])
        try:
            self._enter(url, connection)
            await self._watch(connection)
        finally:
            self._exit()

    def _enter(self, url: str, connection: Connection) -> None:
        self.failovers += self._last_url not in (None, url)
        self.epoch += 1
        self.peer = connection.peer
        self._refused.clear()
        self.last_error = None
        fields = {"node": self.url, "connection": self.epoch, "failovers": self.failovers}
        log.info("node in use", extra={"fields": fields})
        self._last_url = url
        self._used_since = self._clock()
        self._logged_at.pop(url, None)
        self._connection = connection
        self._connected.set()
        self._on_block()

    def _exit(self) -> None:
        self._connection = self.peer = None
        self._connected.clear()

    def _announce_block(self) -> None:
        self._noticed.set()
        self._count_block()

    def _count_block(self) -> None:
        self.blocks += 1
        self._on_block()

    async def _watch(self, connection: Connection) -> None:
        """Poll for blocks where notices fail, and revalidate the node. Raises LinkError to leave it."""
        validated_at = self._clock()
        while connection.timeouts < MAX_TIMEOUTS:
            if not await self._wait_notice():
                self._count_block()
            now = self._clock()
            if now - validated_at >= self._recheck or now - connection.heard_at >= self._silence:
                await self._validate(connection.call, connection.peer)
                validated_at = now
        raise LinkError("the node does not answer")

    async def _wait_notice(self) -> bool:
        """Whether a block was announced within the poll interval."""
        try:
            async with asyncio.timeout(self._poll):
                await self._noticed.wait()
        except TimeoutError:
            return False
        self._noticed.clear()
        return True


def _sentence(display_url: str, reason: str) -> str:
    return cut(f"{display_url}: {reason}")


async def _until_one_fails(*coroutines: Coroutine[Any, Any, None]) -> NoReturn:
    """Run coroutines that end only by failing; end all, and raise the first failure in the order given."""
    failure = await _first_failure(coroutines)
    try:
        raise failure
    finally:
        del failure  # it refers to this frame: only the garbage collector would free the cycle


async def _first_failure(coroutines: Iterable[Coroutine[Any, Any, None]]) -> BaseException:
    """A TaskGroup would lose a cancellation that coincides with a failure, before Python 3.13."""
    tasks = [asyncio.create_task(each) for each in coroutines]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end_tasks(tasks)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    return next(error for error in outcomes if error and not isinstance(error, asyncio.CancelledError))
