"""How the link reconnects and backs off."""

import asyncio
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from chain.errors import OutcomeUnknown
from chain.link import STABLE_AFTER, backoff
from tests.harness.links import Clock, Naps, closed_port, connected, link_to, running
from tests.harness.scripted_node import ScriptedNode, drops, sends, sends_frame, sends_recorded, stays_silent


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
            await node.until(lambda: node.call_count("get_block") == 1)
        with pytest.raises(OutcomeUnknown):
            await call
        await node.sockets[0].wait_closed()
        assert node.sockets[0].close_code != CloseCode.ABNORMAL_CLOSURE
        assert not link.connected
