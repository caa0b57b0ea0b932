"""The lying node itself: each lie is told while it is on, and the truth afterwards."""

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from chain.errors import Refused
from tests.harness.lying import lies
from tests.harness.lying.lie import Ask, Lie, Request
from tests.harness.lying.relayed_chain import PAID_IN, client_of, node_at, relayed_chain


async def test_lies_are_stacked() -> None:
    """The irreversible block follows from the head beneath, which is made up."""

    async with relayed_chain() as this:
        this.relay.lie(lies.HigherBlocks(ahead=20))
        this.relay.lie(lies.Irreversible(lag=1))
        head = await this.head()
        assert (head["head_block_number"], head["last_irreversible_block_num"]) == (31, 30)
        assert this.relay.lied == {"HigherBlocks": 1, "Irreversible": 1}


async def test_lost_broadcast_can_be_replayed() -> None:
    async with relayed_chain() as this:
        transaction = this.registration("carol-1")
        this.relay.lie(lies.LostBroadcasts())
        assert (await this.broadcast(transaction))["result"] is None
        assert this.chain.chain.pending == []
        assert this.relay.broadcasts == [transaction]
        assert await this.relay.replay() == [None]
        assert len(this.chain.chain.pending) == 1
        (again,) = await this.relay.replay()
        assert again is not None
        assert "trx_idx" in again


@pytest.mark.parametrize("error", lies.ERRORS)
async def test_denied_broadcast_is_pending_unlike_a_refused_one(error: str) -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.RefusedCalls(error, api="network_broadcast"))
        assert (await this.broadcast(this.registration("carol-1")))["error"] == lies.ERRORS[error]
        assert this.chain.chain.pending == []
        this.relay.heal()
        this.relay.lie(lies.DeniedBroadcasts(error))
        assert (await this.broadcast(this.registration("carol-1")))["error"] == lies.ERRORS[error]
        assert len(this.chain.chain.pending) == 1


async def test_denied_api_is_denied_by_its_number_too() -> None:
    async with relayed_chain() as this:
        number = await this.client.get(1, "network_broadcast")
        this.relay.lie(lies.RefusedCalls("denied", api="network_broadcast"))
        reply = await this.client.ask(number, "broadcast_transaction", {})
        assert reply["error"] == lies.ERRORS["denied"]
        assert (await this.head())["head_block_number"] == 11


@pytest.mark.parametrize("lie", [lies.Unanswered("get_block"), lies.Unanswered("get_block", forwarded=True)], ids=repr)
async def test_unanswered_call_blocks_no_other(lie: Lie) -> None:
    async with relayed_chain() as this:
        this.relay.lie(lie)
        await this.client.send({"id": 1000, "method": "call", "params": [0, "get_block", [1]]})
        assert (await this.head())["head_block_number"] == 11


async def test_delayed_reply_comes_after_a_later_one() -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.Delayed(0.05, "get_block"))
        await this.client.send({"id": 1000, "method": "call", "params": [0, "get_block", [1]]})
        assert (await this.head())["head_block_number"] == 11
        assert (await this.client.receive())["id"] == 1000


@pytest.mark.parametrize("forwarded", [True, False])
async def test_dropped_call_loses_the_connection(forwarded: bool) -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.Dropped("broadcast_transaction", forwarded=forwarded))
        with pytest.raises(ConnectionClosed):
            await this.broadcast(this.registration("carol-1"))
        assert len(this.chain.chain.pending) == forwarded


async def test_calls_are_counted_and_waited_for() -> None:
    async with relayed_chain() as this:
        waiting = asyncio.create_task(this.relay.called("get_chain_id", 2))
        await this.get("get_chain_id")
        assert not waiting.done()
        this.relay.lie(lies.ChainId("00"))
        waiting = asyncio.create_task(this.relay.lied_with(lies.ChainId))
        await this.get("get_chain_id")
        await waiting
        await waiting
        assert this.relay.seen == {"get_chain_id": 2}
        assert this.relay.lied == {"ChainId": 1}


async def test_relay_drops_its_clients_and_accepts_them_again() -> None:
    async with relayed_chain() as this:
        await this.head()
        this.relay.disconnect()
        with pytest.raises(ConnectionClosed):
            await this.head()
        async with client_of(this.relay.url) as client:
            await client.get(0, "get_chain_id")
        assert this.relay.connections == 2


async def test_client_is_dropped_with_the_node() -> None:
    async with relayed_chain() as this:
        await this.head()
        this.chain.disconnect()
        with pytest.raises(ConnectionClosed):
            await this.head()


async def test_other_frames_get_the_nodes_reply() -> None:
    async with relayed_chain() as this:
        call = {"method": "call", "params": [0, "get_chain_id", []]}
        messages: tuple[Any, ...] = ("no JSON", [], {}, call, {**call, "id": "1"}, {**call, "id": None})
        for message in messages:
            await this.client.send(message)
        await this.client.send({"id": 7, "method": "call", "params": ["nonsense"]})
        assert "error" in await this.client.receive()
        await this.client.send({"id": 2**40, "method": "get_chain_id", "params": []})
        assert await this.client.receive() == {"id": str(2**40), "jsonrpc": "2.0", "result": this.chain.chain_id}


async def test_faucets_client_cannot_tell_the_relay_from_the_node() -> None:
    async with relayed_chain() as this, node_at(this.relay.url) as through, node_at(this.chain.url) as directly:
        assert await through.head() == await directly.head()
        assert await through.block(PAID_IN) == await directly.block(PAID_IN)
        assert await through.accounts(["alice-1", "x-1"]) == await directly.accounts(["alice-1", "x-1"])
        refusals = []
        for node in (through, directly):
            with pytest.raises(Refused) as refused:
                await node.broadcast("{}")
            refusals.append(refused.value.refusal)
        assert refusals[0] == refusals[1]


@dataclass(frozen=True)
class _Broken(Lie):
    async def serve(self, _request: Request, _ask: Ask, /) -> Any:
        raise ZeroDivisionError


async def test_exception_in_a_lie_fails_the_test() -> None:
    async def scenario() -> None:
        async with relayed_chain() as this:
            this.relay.lie(_Broken())
            with pytest.raises(ConnectionClosed):
                await this.head()

    with pytest.raises(ExceptionGroup, match="lies failed"):
        await scenario()
