"""Which node the link uses, and when it leaves one for the next."""

import asyncio
from typing import Any

import pytest

from chain.errors import NotSent, OutcomeUnknown
from tests.harness.links import (
    NEVER,
    SHORT,
    Clock,
    Naps,
    closed_port,
    connected,
    impatient,
    link_to,
    result_of,
    running,
    take_fit,
)
from tests.harness.scripted_node import (
    ERRORS,
    Behaviour,
    ScriptedNode,
    drops,
    sends,
    sends_frame,
    sends_recorded,
    stays_silent,
)


async def test_unresponsive_node_is_left_for_the_next() -> None:
    hanging, second = ScriptedNode(get_block=stays_silent), ScriptedNode()
    async with connected(hanging, second, poll=0.01) as link:
        assert link.url == hanging.url
        with impatient(link._connection):
            outcomes = await asyncio.gather(
                *(link.call("database", "get_block", [number]) for number in range(2)), return_exceptions=True
            )
        assert [type(outcome) for outcome in outcomes] == [OutcomeUnknown] * 2
        await second.until(lambda: second.call_count("set_block_applied_callback") == 1)
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
    timeout = {"timeout": SHORT} if stays_silent in script.values() else {}
    async with connected(unfit, fit, validate_node=take_fit, **timeout) as link:
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
        await second.until(lambda: second.call_count("set_block_applied_callback") == 1)
        await link.wait_connected()
        assert (link.url, link.failovers, link.epoch) == (second.url, 1, 2)


async def test_fit_node_is_kept() -> None:
    node, clock = ScriptedNode(), Clock()
    async with connected(node, clock=clock, recheck=60.0, silence=NEVER) as link:
        clock.now += 60.0
        await node.announce_block()
        await node.until(lambda: node.call_count("get_chain_properties") == 2)
        assert await result_of(link, "get_block", 63) is None
        assert link.epoch == 1


async def test_silent_node_is_validated_and_left_if_unresponsive() -> None:
    silent, second, clock = ScriptedNode(), ScriptedNode(), Clock()
    options: dict[str, Any] = {"clock": clock, "poll": 0.01, "recheck": NEVER}
    async with connected(silent, second, silence=10.0, **options) as link:
        silent.script["get_chain_properties"] = stays_silent
        with impatient(link._connection):
            clock.now += 10.0
            await second.until(lambda: second.call_count("set_block_applied_callback") == 1)
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
        await first.until(lambda: first.call_count("get_block") == 1)
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
