"""The connection, against nodes that break its handshake or its callbacks, or say too much, on real sockets."""

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from chain.errors import UnfitNode
from chain.link import Call
from chain.text import MAX_TEXT
from tests.harness.links import Naps, connected, error_of, link_to, running, take_any
from tests.harness.raw_server import raw_server, writes
from tests.harness.scripted_node import ScriptedNode

# The handshake.


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


# Bugs of the program, and long reasons.


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
