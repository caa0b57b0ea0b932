"""The connection, against real websocket servers that answer by a script."""

import asyncio
import base64
import json
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import islice
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from chain.connection import BLOCK_CALLBACK, Peer, ip_address_of
from chain.errors import NotSent, OutcomeUnknown, Refused, UnfitNode
from chain.link import LOG_INTERVAL, STABLE_AFTER, Call, Link, backoff, without_credentials
from chain.node import Node
from chain.open_link import open_link
from chain.refusals import Cause
from tests.harness.loglines import log_lines
from tests.harness.support import data

SAMPLES = data("node-samples.json")
ERRORS = data("node-errors.json")
CHAIN_ID = SAMPLES["get_chain_properties"]["reply"]["result"]["chain_id"]

SHORT = 0.5  #: seconds for a call that is meant to get no answer; the others are answered in a few milliseconds
NEVER = math.inf

#: What a scripted node does about a call: given its socket and the call's id.
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
    """Take the call and never answer it."""


async def drops(socket: ServerConnection, _: int) -> None:
    """Vanish as a node does that is killed: without a closing handshake."""
    socket.transport.abort()


class ScriptedNode:
    """A node that does about each method what its script says; it knows the recorded replies."""

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

    def times_asked(self, method: str) -> int:
        return [call[1] for call in self.calls].count(method)

    async def _serve(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        await self._tell()
        with suppress(ConnectionClosed):
            async for frame in socket:
                request = json.loads(frame)
                self.calls.append(request["params"])
                await self._tell()
                await self.script[request["params"][1]](socket, request["id"])
        await self._tell()

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()


class Clock:
    """A clock that stands until it is set."""

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
    """Take the recorded chain, if its head is the recorded one or a later one."""
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


@asynccontextmanager
async def running(link: Link) -> AsyncIterator[Link]:
    """Run `link` meanwhile; had it ended by itself, what ended it is raised."""
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
    """The result of a call of the database, as plain values."""
    return msgspec.json.decode(await link.call("database", method, list(arguments)))


async def closed_port() -> str:
    """The URL of a port where nobody listens any more."""
    async with ScriptedNode().serving() as node:
        return node.url


# Calls.


async def test_call_returns_its_result() -> None:
    node = ScriptedNode(get_block=sends_recorded("get_block"))
    async with connected(node) as link:
        assert await result_of(link, "get_block", 63) == SAMPLES["get_block"]["reply"]["result"]
        assert node.calls[-1] == ["database", "get_block", [63]]


async def test_concurrent_calls_are_answered_in_any_order() -> None:
    waiting: list[int] = []

    async def answer_the_last_first(socket: ServerConnection, number: int) -> None:
        waiting.append(number)
        if len(waiting) == 3:
            for each in reversed(waiting):
                await sends(result=each - waiting[0])(socket, each)

    async with connected(ScriptedNode(get_block=answer_the_last_first)) as link:
        calls = [result_of(link, "get_block", number) for number in range(3)]
        assert await asyncio.gather(*calls) == [0, 1, 2]


async def test_refused_call_raises_the_reason() -> None:
    error = ERRORS["account exists (in a block) via broadcast_transaction"]["error"]
    async with connected(ScriptedNode(broadcast_transaction=sends(error=error))) as link:
        with pytest.raises(Refused) as caught:
            await link.call("network_broadcast", "broadcast_transaction", [{}])
        assert caught.value.refusal.cause is Cause.NAME_TAKEN
        assert link.connected


async def test_large_reply_is_accepted() -> None:
    large = "x" * 2**22
    async with connected(ScriptedNode(get_block=sends(result=large))) as link:
        assert await result_of(link, "get_block", 63) == large


async def test_call_before_connecting_raises_not_sent() -> None:
    link = link_to("ws://127.0.0.1:9")
    assert not link.connected
    with pytest.raises(NotSent, match="no node was reached yet"):
        await link.call("database", "get_block", [63])


async def test_call_after_loss_raises_not_sent() -> None:
    node, naps = ScriptedNode(), Naps(most=1)
    async with connected(node, sleep=naps) as link:
        await node.sockets[0].close()
        await naps.over.wait()
        with pytest.raises(NotSent, match="the connection was lost"):
            await link.call("database", "get_block", [63])
        assert node.times_asked("get_block") == 0
        assert link.url is None


async def test_connection_lost_mid_call_raises_outcome_unknown() -> None:
    node = ScriptedNode(broadcast_transaction=drops)
    async with connected(node) as link:
        with pytest.raises(OutcomeUnknown):
            await link.call("network_broadcast", "broadcast_transaction", [{}])
        await node.until(lambda: len(node.sockets) == 2)
        await link.wait_connected()
        assert link.epoch == 2
        assert link.failovers == 0
        assert await result_of(link, "get_block", 63) is None


def abort(link: Link) -> None:
    """Cut the connection under `link`, which has yet to notice."""
    assert link._connection is not None
    link._connection._socket.transport.abort()


async def tick(ticks: int) -> None:
    """Let the event loop turn: it takes several turns until a lost connection is noticed everywhere."""
    for _ in range(ticks):
        await asyncio.sleep(0)


@pytest.mark.parametrize("ticks", range(6))
async def test_call_during_loss_fails_without_waiting_for_the_timeout(ticks: int) -> None:
    async with connected(ScriptedNode(), timeout=3600.0, sleep=Naps(most=1)) as link:
        abort(link)
        await tick(ticks)
        with pytest.raises((NotSent, OutcomeUnknown)):
            await link.call("database", "get_block", [63])


@pytest.mark.parametrize("ticks", range(12))
async def test_link_cancelled_during_loss_ends(ticks: int) -> None:
    async with connected(ScriptedNode()) as link:
        abort(link)
        await tick(ticks)


async def test_late_reply_is_ignored_and_keeps_the_connection() -> None:
    late: list[int] = []

    async def postpones(_: ServerConnection, number: int) -> None:
        late.append(number)

    async def answers_both(socket: ServerConnection, number: int) -> None:
        await sends(result="late")(socket, late[0])
        await sends(result="in time")(socket, number)

    node = ScriptedNode(get_block=postpones, get_block_header=answers_both)
    async with connected(node, timeout=SHORT) as link:
        with pytest.raises(OutcomeUnknown, match="no answer to get_block"):
            await link.call("database", "get_block", [63])
        await tick(1)
        assert link._connection is not None
        assert link._connection._session._waiting == {}
        assert await result_of(link, "get_block_header", 63) == "in time"
        assert link.epoch == 1


async def test_only_consecutive_timeouts_count() -> None:
    node, clock = ScriptedNode(get_block_header=stays_silent), Clock()
    async with connected(node, timeout=SHORT, clock=clock, recheck=60.0, silence=NEVER) as link:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown):
                await link.call("database", "get_block_header", [63])
            await link.call("database", "get_block", [63])
        clock.now += 60.0
        await node.announce_block()
        await node.until(lambda: node.times_asked("get_chain_properties") == 2)
        clock.now += 60.0
        await node.announce_block()
        await node.until(lambda: node.times_asked("get_chain_properties") == 3)
        assert len(node.sockets) == 1


# Failover.


async def test_unresponsive_node_is_left_for_the_next() -> None:
    hanging, second = ScriptedNode(get_block=stays_silent), ScriptedNode()
    async with connected(hanging, second, timeout=SHORT, poll=0.01) as link:
        assert link.url == hanging.url
        outcomes = await asyncio.gather(
            *(link.call("database", "get_block", [number]) for number in range(2)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 2
        await second.until(lambda: second.times_asked("set_block_applied_callback") == 1)
        await link.wait_connected()
        assert link.url == second.url
        assert link.failovers == 1


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(
            {"get_chain_properties": sends_recorded("get_chain_properties", chain_id="ab" * 32)}, id="another chain"
        ),
        pytest.param(
            {"get_dynamic_global_properties": sends_recorded("get_dynamic_global_properties", head_block_number=61)},
            id="out of sync",
        ),
        pytest.param({"get_chain_properties": sends(error=ERRORS["unknown method"]["error"])}, id="refuses"),
        pytest.param({"get_chain_properties": sends(result="what?")}, id="answers in another form"),
        pytest.param({"get_chain_properties": sends_frame("garbage")}, id="sends garbage"),
        pytest.param({"get_chain_properties": drops}, id="drops the connection"),
        pytest.param({"get_chain_properties": stays_silent}, id="hangs"),
        pytest.param({"set_block_applied_callback": stays_silent}, id="hangs when asked for notices"),
    ],
)
async def test_unfit_node_is_left_for_the_next(script: dict[str, Behaviour]) -> None:
    unfit, fit = ScriptedNode(**script), ScriptedNode()
    async with connected(unfit, fit, validate_node=take_fit, timeout=SHORT) as link:
        assert link.url == fit.url
        assert link.epoch == 1
        assert link.last_error is None
        assert link.failovers == 0
        assert len(unfit.sockets) == 1


@pytest.mark.parametrize("url", ["", "ws://a..b:1", f"ws://{'a' * 70}:1"])
async def test_unreachable_node_is_left_for_the_next(url: str) -> None:
    first, fit = url or await closed_port(), ScriptedNode()
    async with fit.serving(), running(link_to(first, fit)) as link:
        await link.wait_connected()
        assert link.url == fit.url


async def test_node_that_falls_behind_is_left_for_the_next() -> None:
    first, second, clock = ScriptedNode(), ScriptedNode(), Clock()
    async with connected(first, second, validate_node=take_fit, clock=clock, recheck=60.0, silence=NEVER) as link:
        behind = sends_recorded("get_dynamic_global_properties", head_block_number=61)
        first.script["get_dynamic_global_properties"] = behind
        clock.now += 60.0
        await first.announce_block()
        await second.until(lambda: second.times_asked("set_block_applied_callback") == 1)
        await link.wait_connected()
        assert (link.url, link.failovers, link.epoch) == (second.url, 1, 2)


async def test_fit_node_is_kept() -> None:
    node, clock = ScriptedNode(), Clock()
    async with connected(node, clock=clock, recheck=60.0, silence=NEVER) as link:
        clock.now += 60.0
        await node.announce_block()
        await node.until(lambda: node.times_asked("get_chain_properties") == 2)
        assert await result_of(link, "get_block", 63) is None
        assert link.epoch == 1


async def test_silent_node_is_validated_and_left_if_unresponsive() -> None:
    silent, second, clock = ScriptedNode(), ScriptedNode(), Clock()
    options: dict[str, Any] = {"clock": clock, "timeout": SHORT, "poll": 0.01, "recheck": NEVER}
    async with connected(silent, second, silence=10.0, **options) as link:
        silent.script["get_chain_properties"] = stays_silent
        clock.now += 10.0
        await second.until(lambda: second.times_asked("set_block_applied_callback") == 1)
        await link.wait_connected()
        assert link.url == second.url


async def test_last_error_says_why_no_node_is_in_use() -> None:
    naps = Naps(most=1)
    garbage = ScriptedNode(get_chain_properties=sends_frame("garbage"))
    async with garbage.serving(), running(link_to(garbage, sleep=naps)) as link:
        await naps.over.wait()
        assert link.last_error is not None
        assert link.last_error.startswith(f"{garbage.url}: the node sent something other than JSON-RPC")
        with pytest.raises(NotSent, match="other than JSON-RPC"):
            await link.call("database", "get_block", [63])


# Leaving.


async def test_leaving_a_node_connects_to_the_next_at_once() -> None:
    naps = Naps(most=1)
    first, second = ScriptedNode(get_block=stays_silent), ScriptedNode()
    async with connected(first, second, timeout=3600.0, sleep=naps) as link:
        call = asyncio.create_task(link.call("database", "get_block", [63]))
        await first.until(lambda: first.times_asked("get_block") == 1)
        link.leave("answers every broadcast alike")
        assert (link.connected, link.url, link.peer) == (False, None, None)
        assert link.last_error == f"{first.url}: answers every broadcast alike"
        with pytest.raises(NotSent, match="answers every broadcast alike"):
            await link.call("database", "get_block", [63])
        with pytest.raises(OutcomeUnknown):
            await call
        await naps.over.wait()
        assert link.last_error == f"{first.url}: answers every broadcast alike"
        await first.sockets[0].wait_closed()


async def test_leaving_the_only_node_reconnects_to_it() -> None:
    naps, node = Naps(), ScriptedNode()
    async with connected(node, sleep=naps) as link:
        link.leave("answers every broadcast alike")
        link.leave("is left once only")
        await link.wait_connected()
        assert (link.url, link.epoch, link.last_error) == (node.url, 2, None)
        assert naps.delays == [0.1]


def test_leaving_without_a_connection_is_a_no_op() -> None:
    link = link_to("ws://127.0.0.1:9")
    link.leave("answers every broadcast alike")
    assert link.last_error == "no node was reached yet"


# Who the node is.


async def test_peer_has_the_connected_ip_address() -> None:
    peers: list[Peer] = []

    async def note_peer(_call: Call, peer: Peer) -> None:
        peers.append(peer)

    node = ScriptedNode()
    async with node.serving():
        url = node.url.replace("127.0.0.1", "localhost")
        async with connected(url, validate_node=note_peer) as link:
            assert peers == [link.peer] == [Peer(url, "127.0.0.1")]
            assert link.urls == (url,)


@pytest.mark.parametrize(
    ("peername", "address"),
    [
        (("192.0.2.7", 8090), "192.0.2.7"),
        (("2001:db8::7", 8090, 0, 0), "2001:db8::7"),
        (("fe80::7%eth0", 8090, 0, 2), "fe80::7"),
        (("::ffff:127.0.0.1", 8090, 0, 0), "127.0.0.1"),
    ],
)
def test_ip_address_has_no_port_or_zone(peername: tuple[Any, ...], address: str) -> None:
    assert ip_address_of(peername) == address


def test_urls_have_no_credentials() -> None:
    link = link_to("ws://user:secret@node.example:8090/secret", "wss://other.example")
    assert link.urls == ("ws://node.example:8090", "wss://other.example:443")


async def test_open_link_knows_its_peer() -> None:
    async with ScriptedNode().serving() as node, open_link([node.url], timeout=5.0) as link:
        assert link.peer == Peer(node.url, "127.0.0.1")


# Reconnecting.


@pytest.mark.parametrize("frame", ["garbage", '{"id": "1", "result": 1}', "[]", b"\xff\xff"])
async def test_garbage_drops_the_connection_and_reconnects(frame: str | bytes) -> None:
    node = ScriptedNode(get_block=sends_frame(frame))
    async with connected(node) as link:
        with pytest.raises(OutcomeUnknown):
            await link.call("database", "get_block", [63])
        await node.until(lambda: len(node.sockets) == 2)
        await link.wait_connected()
        assert link.epoch == 2


async def test_reconnection_backs_off_while_the_node_is_away() -> None:
    naps = Naps(most=9)
    async with running(link_to(await closed_port(), sleep=naps)):
        await naps.over.wait()
    assert naps.delays == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


async def test_backoff_resets_after_a_stable_connection() -> None:
    naps, clock = Naps(), Clock()
    node = ScriptedNode(get_chain_properties=drops)
    async with node.serving(), running(link_to(node, sleep=naps, clock=clock)) as link:
        await node.until(lambda: len(node.sockets) == 4)
        node.script["get_chain_properties"] = sends_recorded("get_chain_properties")
        await link.wait_connected()
        tried = len(naps.delays)
        clock.now += STABLE_AFTER
        reconnections = len(node.sockets) + 1
        await node.sockets[-1].close()
        await node.until(lambda: len(node.sockets) == reconnections)
        assert naps.delays[:3] == [0.1, 0.2, 0.4]
        assert naps.delays[tried:] == [0.1]


async def test_backoff_grows_while_connections_are_lost_at_once() -> None:
    naps = Naps(most=4)

    async def answers_and_drops(socket: ServerConnection, number: int) -> None:
        await sends(result=None)(socket, number)
        await sends_frame("garbage")(socket, number)

    node = ScriptedNode(set_block_applied_callback=answers_and_drops)
    async with node.serving(), running(link_to(node, sleep=naps)):
        await naps.over.wait()
    assert naps.delays == [0.1, 0.2, 0.4, 0.8]


@given(
    first=st.floats(0.01, 5), most=st.floats(5, 100), jitters=st.lists(st.floats(0, 1, exclude_max=True), min_size=20)
)
def test_backoff_doubles_to_its_maximum_with_jitter_of_a_half(first: float, most: float, jitters: list[float]) -> None:
    supply = iter(jitters)
    delays = list(islice(backoff(first, most, lambda: next(supply)), len(jitters)))
    for round_, (delay, jitter) in enumerate(zip(delays, jitters, strict=True)):
        full = min(most, first * 2**round_)
        assert delay == pytest.approx(full * (1 - jitter / 2))
        assert full / 2 <= delay <= full


async def test_cancelled_link_closes_its_connection() -> None:
    node = ScriptedNode(get_block=stays_silent)
    async with node.serving():
        async with running(link_to(node)) as link:
            await link.wait_connected()
            call = asyncio.create_task(link.call("database", "get_block", [63]))
            await node.until(lambda: node.times_asked("get_block") == 1)
        with pytest.raises(OutcomeUnknown):
            await call
        await node.sockets[0].wait_closed()
        assert node.sockets[0].close_code != CloseCode.ABNORMAL_CLOSURE
        assert not link.connected


# Blocks.


async def test_notice_announces_a_block() -> None:
    node, blocks = ScriptedNode(), Blocks()
    async with connected(node, on_block=blocks):
        assert ["database", "set_block_applied_callback", [BLOCK_CALLBACK]] in node.calls
        assert blocks.count == 1  # what came before the connection is unknown
        await node.announce_block(callback=99)
        await node.announce_block()
        await blocks.until(2)
        await node.announce_block()
        await blocks.until(3)
        assert blocks.count == 3


async def test_each_connection_subscribes_to_blocks() -> None:
    node, blocks = ScriptedNode(), Blocks()
    async with connected(node, on_block=blocks):
        await node.sockets[0].close()
        await node.until(lambda: node.times_asked("set_block_applied_callback") == 2)
        await blocks.until(2)
        await node.announce_block()
        await blocks.until(3)


async def test_blocks_are_polled_without_notices() -> None:
    blocks = Blocks()
    async with connected(ScriptedNode(), on_block=blocks, poll=0.01):
        await blocks.until(4)


# URLs and logs


@pytest.mark.parametrize(
    ("url", "display_url"),
    [
        ("ws://127.0.0.1:8090", "ws://127.0.0.1:8090"),
        ("wss://node.example/ws?token=secret", "wss://node.example:443"),
        ("ws://user:secret@node.example:8090/secret", "ws://node.example:8090"),
        ("ws://user:secret@[::1]:8090", "ws://[::1]:8090"),
    ],
)
def test_url_is_shown_without_secrets(url: str, display_url: str) -> None:
    assert without_credentials(url) == display_url


@pytest.mark.parametrize(
    "url",
    [
        "secret",
        "http://user:secret@node.example",
        "ws://user:secret@",
        "ws://secret@node.example",
        "ws://user:secret@node.example/#x",
        "ws://user:secret@node.example:99999",
        "ws://user:secret@[::1",
    ],
)
def test_other_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        link_to(url)
    assert "secret" not in str(caught.value)


async def test_credentials_reach_only_the_node(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    encoded = base64.b64encode(b"user:secret").decode()
    node, naps = ScriptedNode(get_block=sends_frame("garbage")), Naps(most=1)
    async with node.serving():
        url = node.url.replace("ws://", "ws://user:secret@")
        async with running(link_to(url, sleep=naps)) as link:
            await link.wait_connected()
            assert link.url == node.url
            with pytest.raises(OutcomeUnknown):
                await link.call("database", "get_block", [63])
            await naps.over.wait()
            assert "secret" not in str(link.last_error)
        request = node.sockets[0].request
        assert request is not None
        assert request.headers["Authorization"] == f"Basic {encoded}"
    text = "".join(log_lines(caplog.records))
    assert f'event="node in use" node={node.url} ' in text
    assert "secret" not in text
    assert encoded not in text


async def test_connection_loss_and_failover_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="faucet.link")

    async def scenario() -> list[str]:
        first, second = ScriptedNode(), ScriptedNode()
        async with connected(first, second) as link:
            await first.sockets[0].close()
            await second.until(lambda: second.times_asked("set_block_applied_callback") == 1)
            await link.wait_connected()
            return [
                f'event="node in use" node={first.url} connection=1 failovers=0',
                f'event="node not in use" reason="{first.url}: the connection was lost',
                f'event="node in use" node={second.url} connection=2 failovers=1',
            ]

    expected = await scenario()
    lines = log_lines(caplog.records, "faucet.link")
    assert all(event in line for line, event in zip(lines, expected, strict=True))


async def test_absent_node_is_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:

    clock, naps = Clock(), Naps(most=6)

    async def nap(delay: float) -> None:
        clock.now += LOG_INTERVAL / 4
        await naps(delay)

    async with running(link_to(await closed_port(), sleep=nap, clock=clock)):
        await naps.over.wait()
    assert [record.levelname for record in caplog.records if record.name == "faucet.link"] == ["WARNING"] * 2


async def test_node_lost_again_after_use_is_logged_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:

    node = ScriptedNode(get_chain_properties=drops)
    async with node.serving(), running(link_to(node)) as link:
        await node.until(lambda: len(node.sockets) == 2)
        node.script["get_chain_properties"] = sends_recorded("get_chain_properties")
        await link.wait_connected()
        connections = len(node.sockets)
        await node.sockets[-1].close()
        await node.until(lambda: len(node.sockets) > connections)
    assert [record.levelname for record in caplog.records if record.name == "faucet.link"] == ["WARNING"] * 2


async def test_call_during_loss_yields_to_the_loop() -> None:
    """Whoever calls again and again would keep the link from noticing that its connection is gone."""

    async with ScriptedNode().serving() as node:
        link = link_to(node.url)
        async with running(link):
            await link.wait_connected()
            assert link._connection is not None
            link._connection._session.lose("the connection was lost")
            await node.sockets[-1].close()
            while link.epoch == 1:
                await link.wait_connected()
                with suppress(NotSent):
                    await link.call("database", "get_chain_properties", [])
