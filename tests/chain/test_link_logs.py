"""What the link logs, and how often."""

import logging

import pytest

from chain.link import LOG_INTERVAL
from tests.harness.links import Clock, Naps, closed_port, connected, link_to, running
from tests.harness.loglines import log_lines
from tests.harness.scripted_node import ScriptedNode, drops, sends_recorded


async def test_connection_loss_and_failover_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="faucet.link")

    async def scenario() -> list[str]:
        first, second = ScriptedNode(), ScriptedNode()
        async with connected(first, second) as link:
            await first.sockets[0].close()
            await second.until(lambda: second.call_count("set_block_applied_callback") == 1)
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
