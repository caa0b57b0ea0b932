"""Malformed replies of the lying node arrive unchanged."""

import json

import pytest
from websockets.exceptions import InvalidStatus

from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relay import Relay
from tests.harness.lying.relayed_chain import client_of, relayed_chain


async def test_garbling_lies_come_last() -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.WrongValue("get_dynamic_global_properties", (), "word"), lies.HigherBlocks(ahead=20))
        assert await this.head() == "many"
        assert (await this.block(31))["transactions"] == []


@pytest.mark.parametrize("kind", lies.GARBAGE)
async def test_garbage_is_listed_unchanged(kind: str) -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.GarbageNames(kind))
        await this.client.send({"id": 1, "method": "call", "params": [0, "lookup_accounts", ["", 10]]})
        assert json.loads(await this.client.socket.recv())["result"] == lies.GARBAGE[kind]


@pytest.mark.parametrize("value", lies.WRONG_VALUES)
async def test_wrong_value_arrives_unchanged(value: str) -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.WrongValue("get_required_fees", (0, "amount"), value))
        await this.client.send({"id": 1, "method": "call", "params": [0, "get_required_fees", [[], "1.3.0"]]})
        assert json.loads(await this.client.socket.recv())["result"] == []  # there is no such place
        this.relay.heal()
        this.relay.lie(lies.WrongValue("get_chain_id", (), value))
        await this.client.send({"id": 1, "method": "get_chain_id", "params": []})
        assert json.loads(await this.client.socket.recv())["result"] == lies.WRONG_VALUES[value]


async def test_member_is_removed_from_the_reply() -> None:
    async with relayed_chain() as this:
        truth = await this.head()
        this.relay.lie(lies.MissingMember("get_dynamic_global_properties", ("time",)))
        assert truth.keys() - (await this.head()).keys() == {"time"}


@pytest.mark.parametrize(
    ("lie", "size"),
    [
        (lies.HugeFrame(3), 3_000_000),
        (lies.HugeFrame(3, numbers=True), 3_000_000),
        (lies.DeepNesting(100_000), 200_000),
        (lies.Garbage("x" * 50), 50),
    ],
    ids=repr,
)
async def test_frame_has_the_configured_size(lie: Lie, size: int) -> None:
    async with relayed_chain() as this:
        this.relay.lie(lie)
        await this.client.send({"id": 1, "method": "call", "params": [0, "get_block", [1]]})
        frame = await this.client.socket.recv()
        assert size <= len(frame) < size + 100


@pytest.mark.parametrize("kind", lies.FLOODS)
async def test_flood_accompanies_the_reply_and_ends_with_the_lie(kind: str) -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.Flood(kind))
        await this.client.send({"id": 2**31, "method": "call", "params": [0, "get_chain_id", []]})
        replies = [json.loads(await this.client.socket.recv()).get("id") for _ in range(1000)]
        assert 2**31 in replies
        this.relay.heal()
        await this.client.send({"id": 2**31 + 1, "method": "call", "params": [0, "get_chain_id", []]})
        while json.loads(await this.client.socket.recv()).get("id") != 2**31 + 1:
            pass
        this.chain.control.produce()
        assert (await this.head())["head_block_number"] == 12  # nothing comes between


async def test_redirect_is_counted_when_it_is_followed() -> None:
    async with relayed_chain() as this, Relay(this.chain.url) as other:
        this.relay.lie(lies.Redirect())
        async with client_of(this.relay.url) as client:
            assert await client.get(0, "get_chain_id") == this.chain.chain_id
        assert this.relay.redirects_followed == 1
        this.relay.heal()
        this.relay.lie(lies.Redirect(other.url, status=307))
        async with client_of(this.relay.url) as client:
            await client.get(0, "get_chain_id")
        assert (this.relay.redirects_followed, other.connections) == (1, 1)


async def test_handshake_is_refused() -> None:
    async with relayed_chain() as this:
        this.relay.lie(lies.HandshakeRefused(429))
        with pytest.raises(InvalidStatus, match="429"):
            async with client_of(this.relay.url):
                pass
