"""A node that refuses to read is left for the next one; one refusal is nobody's fault."""

import pytest

from chain.errors import Refused
from chain.link import MAX_REFUSALS, Link
from chain.node import Node
from tests.harness.links import running, take_any
from tests.harness.lying import lies
from tests.harness.lying.relayed_chain import RelayedChain, relayed_chain

DENIED = lies.RefusedCalls("denied", method="get_required_fees")


async def refused(node: Node, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Refused):
            await node.required_fees([])


def link_to(at: RelayedChain, *others: str) -> Link:
    return Link([at.relay.url, *others], validate_node=take_any, on_block=lambda: None, timeout=5)


async def test_node_that_keeps_refusing_a_call_is_left() -> None:
    async with relayed_chain() as at:
        link = link_to(at, at.chain.url)
        async with running(link):
            await link.wait_connected()
            at.relay.lie(DENIED)
            await refused(Node(link.call), MAX_REFUSALS)
            assert "refuses get_required_fees" in (link.last_error or "")
            await link.wait_connected()
            assert link.url == at.chain.url
            assert await Node(link.call).required_fees([]) == []


async def test_success_between_refusals_keeps_the_node() -> None:
    async with relayed_chain() as at:
        link = link_to(at, at.chain.url)
        async with running(link):
            await link.wait_connected()
            for _ in range(2):
                at.relay.lie(DENIED)
                await refused(Node(link.call), MAX_REFUSALS - 1)
                at.relay.heal()
                await Node(link.call).required_fees([])
            assert link.url == at.relay.url


async def test_only_node_is_not_left() -> None:
    """To connect anew would change nothing, and send everything again."""

    async with relayed_chain() as at:
        link = link_to(at)
        async with running(link):
            await link.wait_connected()
            at.relay.lie(DENIED)
            await refused(Node(link.call), 2 * MAX_REFUSALS)
            assert (link.connected, link.epoch) == (True, 1)
