"""Calls and block notices, against real websocket servers that answer by a script."""

import asyncio
from contextlib import suppress

import pytest
from websockets.asyncio.server import ServerConnection

from chain.connection import BLOCK_CALLBACK
from chain.errors import NotSent, OutcomeUnknown, Refused
from chain.link import Link
from chain.refusals import Cause
from tests.harness.links import NEVER, Blocks, Clock, Naps, connected, impatient, link_to, result_of, running
from tests.harness.scripted_node import ERRORS, SAMPLES, ScriptedNode, drops, sends, sends_recorded, stays_silent

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
        assert node.call_count("get_block") == 0
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
    async with connected(node) as link:
        with pytest.raises(OutcomeUnknown, match="no answer to get_block"), impatient(link._connection):
            await link.call("database", "get_block", [63])
        await tick(1)
        assert link._connection is not None
        assert link._connection._session._waiting == {}
        assert await result_of(link, "get_block_header", 63) == "in time"
        assert link.epoch == 1


async def test_only_consecutive_timeouts_count() -> None:
    node, clock = ScriptedNode(get_block_header=stays_silent), Clock()
    async with connected(node, clock=clock, recheck=60.0, silence=NEVER) as link:
        for _ in range(2):
            with pytest.raises(OutcomeUnknown), impatient(link._connection):
                await link.call("database", "get_block_header", [63])
            await link.call("database", "get_block", [63])
        clock.now += 60.0
        await node.announce_block()
        await node.until(lambda: node.call_count("get_chain_properties") == 2)
        clock.now += 60.0
        await node.announce_block()
        await node.until(lambda: node.call_count("get_chain_properties") == 3)
        assert len(node.sockets) == 1


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
        await node.until(lambda: node.call_count("set_block_applied_callback") == 2)
        await blocks.until(2)
        await node.announce_block()
        await blocks.until(3)


async def test_blocks_are_polled_without_notices() -> None:
    blocks = Blocks()
    async with connected(ScriptedNode(), on_block=blocks, poll=0.01):
        await blocks.until(4)
