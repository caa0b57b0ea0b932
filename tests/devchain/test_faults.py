"""A dev chain goes wrong on demand."""

import json
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from devchain import Fault, FaultKind
from tests.harness.dev_chain import PLAIN, SOMEBODY, Client, connected, new_dev_chain, registration, serving, signed


async def broadcast_with(fault: dict[str, Any]) -> tuple[bool, Any]:
    """Whether the account that was broadcast is there, and the reply, None for a lost connection."""

    async def reply_of(client: Client) -> Any:
        try:
            return await client.socket.recv()
        except ConnectionClosed:
            return None

    dev_chain = new_dev_chain()
    async with serving(dev_chain) as client, connected(dev_chain) as other:
        await other.get("devchain", "fault", {"on": "broadcast_transaction", **fault})
        transaction = signed(dev_chain.chain, registration(dev_chain.chain, "alice-1"))
        await client.send({"id": 5, "method": "call", "params": [3, "broadcast_transaction", [transaction]]})
        reply = await reply_of(client)
        return await other.get(0, "get_account_by_name", "alice-1") is not None, reply


async def test_connection_drops_before_the_call_runs() -> None:
    assert await broadcast_with({"do": "drop_before"}) == (False, None)


@pytest.mark.parametrize("do", ["drop_after", "half_reply"])
async def test_connection_drops_after_the_call_ran(do: str) -> None:
    assert await broadcast_with({"do": do}) == (True, None)


async def test_reply_is_not_json() -> None:
    registered, reply = await broadcast_with({"do": "garbage"})
    assert registered
    with pytest.raises(json.JSONDecodeError):
        json.loads(reply)


async def test_reply_has_another_id() -> None:
    registered, reply = await broadcast_with({"do": "wrong_id"})
    assert registered
    assert json.loads(reply)["id"] == 1_000_005


async def test_reply_has_another_type() -> None:
    registered, reply = await broadcast_with({"do": "wrong_type"})
    assert registered
    assert json.loads(reply)["result"] == {"unexpected": True}


async def test_reply_is_huge() -> None:
    registered, reply = await broadcast_with({"do": "huge_reply"})
    assert registered
    assert len(reply) > 10_000_000


async def test_injected_refusal_runs_nothing() -> None:
    registered, reply = await broadcast_with({"do": "refuse", "error": {"code": 1, "message": "no"}})
    assert not registered
    assert json.loads(reply)["error"] == {"code": 1, "message": "no"}


async def test_forgotten_call_is_still_answered() -> None:
    registered, reply = await broadcast_with({"do": "forget"})
    assert not registered
    assert json.loads(reply) == {"id": 5, "jsonrpc": "2.0", "result": None}


@pytest.mark.parametrize("fault", [{"do": "late", "seconds": 0.01}, {"do": "late", "seconds": 0.0}])
async def test_late_reply_arrives(fault: dict[str, Any]) -> None:
    registered, reply = await broadcast_with(fault)
    assert registered
    assert json.loads(reply) == {"id": 5, "jsonrpc": "2.0", "result": None}


async def test_hanging_call_runs_and_blocks_no_other() -> None:
    dev_chain = new_dev_chain()
    dev_chain.faults.add(Fault("broadcast_transaction", FaultKind.HANG))
    async with serving(dev_chain) as client:
        transaction = signed(dev_chain.chain, registration(dev_chain.chain, "alice-1"))
        await client.send({"id": 500, "method": "call", "params": [3, "broadcast_transaction", [transaction]]})
        assert await client.get(0, "get_account_count") == 11


async def test_fault_applies_to_its_method_for_its_count() -> None:
    dev_chain = new_dev_chain()
    refused = {"message": "no"}
    dev_chain.faults.add(Fault("get_account_count", FaultKind.REFUSE, times=2, error=refused))
    async with serving(dev_chain) as client:
        await client.get(0, "get_chain_id")
        replies = [await client.ask(0, "get_account_count") for _ in range(3)]
        assert ["error" in reply for reply in replies] == [True, True, False]
        dev_chain.faults.add(Fault("*", FaultKind.REFUSE, times=9, error=refused))
        assert "error" in await client.ask(0, "get_chain_id")
        await client.get("devchain", "clear_faults")
        await client.get(0, "get_chain_id")


async def test_every_connection_can_be_dropped() -> None:
    dev_chain = new_dev_chain()
    async with serving(dev_chain) as client, connected(dev_chain) as other:
        await other.get(0, "get_chain_id")
        dev_chain.disconnect()
        for lost in (client, other):
            with pytest.raises(ConnectionClosed):
                await lost.get(0, "get_chain_id")
        async with connected(dev_chain) as again:
            await again.get(0, "get_chain_id")


async def test_chain_is_controlled_over_the_wire() -> None:
    dev_chain = new_dev_chain(blocks=5)
    chain = dev_chain.chain
    async with serving(dev_chain) as client:
        assert await client.get("devchain", "produce", 2) == 7
        assert await client.get("devchain", "orphan", 3, False) == 4
        await client.get("devchain", "set_chain_id", "ab" * 32)
        assert await client.get(0, "get_chain_id") == "ab" * 32
        await client.get("devchain", "set_head_age", 3600)
        dynamic = await client.get(0, "get_dynamic_global_properties")
        assert dynamic["time"] < dynamic["next_maintenance_time"]
        assert dynamic["time"] == "2023-11-14T21:13:24"
        await client.get("devchain", "set_balance", "plain-account1", 7)
        await client.get("devchain", "set_member", "plain-account1", True)
        await client.get("devchain", "set_basic_fee", 5)
        await client.get("devchain", "set_parameters", {"maximum_transaction_size": 2048})
        await client.get("devchain", "set_key", "faucet", SOMEBODY)
        assert chain.state.balances[PLAIN] == 7
        properties = (await client.get(0, "get_global_properties"))["parameters"]
        assert properties["maximum_transaction_size"] == 2048
        assert properties["current_fees"]["parameters"][1][1]["basic_fee"] == 5
        account_id = await client.get("devchain", "register", "stranger-1", SOMEBODY)
        assert chain.state.accounts[account_id]["name"] == "stranger-1"
