"""The connection, against nodes that are broken or lie in wait, on real sockets."""

import asyncio
import base64
import contextlib
import gc
import hashlib
import logging
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import repeat

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from chain import connection
from chain.connection import MAX_CALLS, MAX_FRAME
from chain.errors import OutcomeUnknown, Refused, UnfitNode
from chain.link import Call, Link
from chain.protocol import MAX_VALUES
from chain.text import MAX_TEXT
from tests.chain.test_link import (
    Naps,
    ScriptedNode,
    connected,
    link_to,
    result_of,
    running,
    sends,
    sends_frame,
    stays_silent,
    take_any,
)

HANDSHAKE_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
PING = b"\x89\x7d" + b"x" * 125

#: What a raw server does with a connection, given the request for a websocket. It reads nothing more.
Conversation = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def raw_server(converse: Conversation) -> AsyncIterator[str]:
    """A server that speaks as it likes; its URL."""
    conversations: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await converse(await reader.readuntil(b"\r\n\r\n"), writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            """The link has left."""
        finally:
            writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for each in conversations:
            each.cancel()
        await asyncio.gather(*conversations, return_exceptions=True)


def writes(answer: bytes) -> Conversation:
    async def converse(_request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    return converse


def accepts(request: bytes) -> bytes:
    """The answer that opens the websocket which `request` asks for."""
    fields = dict(line.split(b": ", 1) for line in request.split(b"\r\n") if b": " in line)
    digest = hashlib.sha1(fields[b"Sec-WebSocket-Key"] + HANDSHAKE_GUID.encode()).digest()  # noqa: S324  # RFC 6455
    lines = (b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade")
    return b"\r\n".join((*lines, b"Sec-WebSocket-Accept: " + base64.b64encode(digest), b"", b""))


async def error_of(url: str) -> str:
    """What the link says about the node at `url`, once it has given it up for now."""
    naps = Naps(most=1)
    async with running(link_to(url, sleep=naps)) as link:
        await naps.over.wait()
        return str(link.last_error)


# Opening a connection.


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_redirect_is_refused(status: int) -> None:
    elsewhere, fit = ScriptedNode(), ScriptedNode()
    async with elsewhere.serving(), fit.serving():
        answer = f"HTTP/1.1 {status} Gone\r\nLocation: {elsewhere.url}/\r\nContent-Length: 0\r\n\r\n".encode()
        async with raw_server(writes(answer)) as url:
            sentence = f"redirects to another address (HTTP {status}), which is not followed"
            assert await error_of(url) == f"{url}: {sentence}"
            async with running(link_to(url, fit)) as link:
                await link.wait_connected()
                assert link.url == fit.url
    assert elsewhere.sockets == []


async def test_redirect_without_a_host_is_refused() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: http://\r\nContent-Length: 0\r\n\r\n"
    async with raw_server(writes(answer)) as url:
        assert "redirects to another address" in await error_of(url)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff" * 1_000,
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 101 \xff\r\n\r\n",
        b"HTTP/1.1 500 " + b"x" * 100_000,
        b"HTTP/1.1 404 \x1b[31mred\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
    ],
)
async def test_garbage_in_the_handshake_tries_the_next_node(answer: bytes) -> None:
    fit = ScriptedNode()
    async with raw_server(writes(answer)) as url, fit.serving():
        last_error = await error_of(url)
        assert last_error.startswith(f"{url}: ")
        assert last_error.isprintable()
        assert len(last_error) <= MAX_TEXT
        async with running(link_to(url, fit)) as link:
            await link.wait_connected()
            assert link.url == fit.url


@pytest.mark.parametrize(
    "url", ["ws://[::1]:9", "ws://[2001:db8::1%25nowhere]:9", "ws://nowhere.invalid:8090", "ws://127.0.0.1:0"]
)
async def test_address_without_a_node_does_not_end_the_link(url: str) -> None:
    assert await error_of(url)
    fit = ScriptedNode()
    async with fit.serving(), running(link_to(url, fit)) as link:
        await link.wait_connected()
        assert link.url == fit.url


# Faults of the program's.


@pytest.mark.parametrize("fault", [ZeroDivisionError("by zero"), ValueError(), MemoryError(), RecursionError()])
async def test_bug_in_the_validator_is_logged_and_tries_the_next_node(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:

    first, second, naps = ScriptedNode(), ScriptedNode(), Naps(most=1)
    at_fault: list[str] = []

    async def validate_node(call: Call, _peer: object) -> None:
        if not at_fault:
            at_fault.append("the first")
            raise fault
        await take_any(call, _peer)

    async with first.serving(), second.serving():
        async with running(link_to(first, second, validate_node=validate_node)) as link:
            await link.wait_connected()
            assert link.url == second.url
        at_fault.clear()
        async with running(link_to(first, validate_node=validate_node, sleep=naps)) as link:
            await naps.over.wait()
            assert link.last_error == f"{first.url}: {fault!r}"
    (record, *_) = [record for record in caplog.records if record.name == "faucet.link"]
    assert record.exc_info is not None
    assert record.exc_info[1] is fault


async def test_bug_in_the_block_handler_does_not_end_the_link() -> None:
    def on_block() -> None:
        raise ZeroDivisionError

    node, naps = ScriptedNode(), Naps(most=3)
    async with node.serving(), running(link_to(node, sleep=naps, on_block=on_block)) as link:
        await naps.over.wait()
        assert link.last_error == f"{node.url}: ZeroDivisionError()"
        assert not link.connected


async def test_long_reason_of_a_node_is_cut() -> None:
    async def goes_on(_call: Call, _peer: object) -> None:
        raise UnfitNode("\x1b[31m" + "is unfit " * 1_000)

    node, naps = ScriptedNode(), Naps(most=1)
    async with node.serving(), running(link_to(node, sleep=naps, validate_node=goes_on)) as link:
        await naps.over.wait()
        assert link.last_error is not None
        assert len(link.last_error) == MAX_TEXT
        assert link.last_error.isprintable()


async def test_reason_for_leaving_is_cut() -> None:
    async with connected(ScriptedNode(), sleep=Naps(most=1)) as link:
        link.leave("says: " + "\x07" * 1_000_000)
        assert link.last_error is not None
        assert len(link.last_error) == MAX_TEXT
        assert link.last_error.isprintable()


async def test_close_reason_is_made_printable() -> None:
    async def closes(socket: ServerConnection, _: int) -> None:
        await socket.close(CloseCode.INTERNAL_ERROR, "\x1b[31m" + "x" * 100)

    node, naps = ScriptedNode(get_chain_properties=closes), Naps(most=1)
    async with node.serving(), running(link_to(node, sleep=naps)) as link:
        await naps.over.wait()
        assert "[31mxxx" in str(link.last_error)
        assert str(link.last_error).isprintable()


# Bounds.


async def test_lost_connection_is_freed() -> None:
    """What is left would hold its last frames, and the collector comes seldom."""

    async def scenario() -> None:
        node = ScriptedNode(get_block=sends_frame("garbage"), get_block_header=sends(error={"message": "no"}))
        async with connected(node) as link:
            left = weakref.ref(link._connection)
            for method, failure in (("get_block_header", Refused), ("get_block", OutcomeUnknown)):
                with pytest.raises(failure):
                    await link.call("database", method, [63])
            await node.until(lambda: node.times_asked("set_block_applied_callback") == 2)
            await link.wait_connected()
            assert left() is None

    gc.disable()
    try:
        await scenario()
    finally:
        gc.enable()


async def test_oversized_frame_ends_the_connection() -> None:
    largest = ScriptedNode(get_block=sends(result="x" * (MAX_FRAME - 100)))
    async with connected(largest) as link:
        assert len(await result_of(link, "get_block", 63)) == MAX_FRAME - 100
    beyond = ScriptedNode(get_block=sends(result="x" * MAX_FRAME))
    async with connected(beyond) as link:
        with pytest.raises(OutcomeUnknown):
            await result_of(link, "get_block", 63)


@pytest.mark.parametrize("values", ["[],", "{},", '"",'])
async def test_frame_of_too_many_values_ends_the_connection(values: str) -> None:
    frame = '{"id":3,"result":[' + values * MAX_VALUES + "0]}"
    node, naps = ScriptedNode(get_block=sends_frame(frame)), Naps(most=1)
    async with connected(node, sleep=naps) as link:
        with pytest.raises(OutcomeUnknown):
            await result_of(link, "get_block", 63)
        await naps.over.wait()
        assert "more values" in str(link.last_error)


async def test_calls_beyond_the_limit_queue_and_get_their_full_timeout() -> None:
    node = ScriptedNode(get_block=stays_silent)
    async with connected(node, timeout=1.0, poll=3600.0) as link:
        calls = [asyncio.create_task(result_of(link, "get_block", number)) for number in range(MAX_CALLS + 2)]
        await node.until(lambda: node.times_asked("get_block") == MAX_CALLS)
        node.script["get_block"] = sends(result="in time")
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes[:MAX_CALLS]] == [OutcomeUnknown] * MAX_CALLS
        assert outcomes[MAX_CALLS:] == ["in time"] * 2


def reads_nothing(pings: int) -> Conversation:
    """Open the websocket, send pings, and never read."""

    async def converse(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(accepts(request))
        for ping in repeat(PING * 100, pings // 100):
            writer.write(ping)
            await writer.drain()
        await asyncio.Event().wait()

    return converse


async def test_node_that_pings_and_never_reads_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "MAX_UNSENT", 100_000)

    async with raw_server(reads_nothing(1_000_000)) as url:
        assert "the connection was lost" in await error_of(url)


async def test_node_that_never_reads_can_be_left(caplog: pytest.LogCaptureFixture) -> None:
    """Its buffers are full, so that not even a goodbye can be sent."""
    caplog.set_level(logging.INFO)

    async def validate_node(call: Call, _peer: object) -> None:
        await call("database", "x" * 50_000_000, [])

    naps = Naps(most=1)
    async with raw_server(reads_nothing(0)) as url:
        link = Link([url], validate_node=validate_node, on_block=lambda: None, timeout=0.2, sleep=naps)
        async with running(link):
            await naps.over.wait()
    assert "the closing handshake timed out" in caplog.text
