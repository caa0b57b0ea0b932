"""The connection's bounds: frames, calls, buffers, and what is freed after a loss."""

import asyncio
import gc
import logging
import weakref
from itertools import repeat

import pytest

from chain import connection
from chain.connection import MAX_CALLS, MAX_FRAME
from chain.errors import OutcomeUnknown, Refused
from chain.link import Call, Link
from chain.protocol import MAX_VALUES
from tests.harness.links import Naps, connected, error_of, impatient, result_of, running
from tests.harness.raw_server import PING, Conversation, accepts, raw_server
from tests.harness.scripted_node import ScriptedNode, sends, sends_frame, stays_silent


async def test_lost_connection_is_freed() -> None:
    """What is left would hold its last frames, and the collector comes seldom."""

    async def scenario() -> None:
        node = ScriptedNode(get_block=sends_frame("garbage"), get_block_header=sends(error={"message": "no"}))
        async with connected(node) as link:
            left = weakref.ref(link._connection)
            for method, failure in (("get_block_header", Refused), ("get_block", OutcomeUnknown)):
                with pytest.raises(failure):
                    await link.call("database", method, [63])
            await node.until(lambda: node.call_count("set_block_applied_callback") == 2)
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
        await node.until(lambda: node.call_count("get_block") == MAX_CALLS)
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
        with impatient(call.__self__):  # type: ignore[attr-defined]  # the connection's method
            await call("database", "x" * 50_000_000, [])

    naps = Naps(most=1)
    async with raw_server(reads_nothing(0)) as url:
        link = Link([url], validate_node=validate_node, on_block=lambda: None, sleep=naps)
        async with running(link):
            await naps.over.wait()
    assert "the closing handshake timed out" in caplog.text
