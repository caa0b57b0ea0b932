"""A dev chain goes wrong on demand; and goes on by its file and its clock."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from devchain import ChainParameters, DevChain, DevChainSettings, Fault, FaultKind, JournalError
from devchain.settings import published_key
from tests.harness.dev_chain import (
    PLAIN,
    SETTINGS,
    SOMEBODY,
    START,
    Client,
    connected,
    new_dev_chain,
    payment,
    register,
    registration,
    serving,
    signed,
    snapshot,
)

# Faults


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


# The clock


async def test_blocks_follow_the_clock_unless_stalled() -> None:
    """Intervals below a second let the chain's own clock run ahead: its times are whole seconds."""

    dev_chain = DevChain(replace(SETTINGS, block_interval=0.01))
    async with serving(dev_chain) as client:
        await client.get(0, "set_block_applied_callback", 1)
        for _ in range(5):
            await client.notice()
        await client.get("devchain", "stall", True)
        times = [block.time for block in dev_chain.chain.blocks]
        assert times == list(range(times[0], times[0] + len(times)))
        stalled = dev_chain.chain.head_number
        await asyncio.sleep(0.05)  # five intervals, in which nothing may happen
        assert dev_chain.chain.head_number == stalled
        await client.get("devchain", "stall", False)
        client.notices.clear()
        await client.notice()


def test_block_times_follow_the_clock() -> None:
    now = START
    dev_chain = DevChain(SETTINGS, clock=lambda: now)
    times = []
    for seconds in (3, 3, 0, 10):
        now += seconds
        times.append(dev_chain.produce().time - START)
    assert times == [3, 6, 7, 16]


# The file


def settled(dev_chain: DevChain) -> Any:
    """What of a chain its file keeps: all but what is pending."""
    dev_chain.chain.orphan(0, keep=False)
    return snapshot(dev_chain.chain)


def lived_in(path: Path) -> DevChain:
    """A chain to which a good deal has happened."""
    dev_chain = new_dev_chain(replace(SETTINGS, data=path))
    chain = dev_chain.chain
    register(chain, "alice-1", "alice-2")
    dev_chain.produce()
    dev_chain.control.set_balance("plain-account1", 10**7)
    chain.push(signed(chain, payment(chain, 2**33), registration(chain, "premium")))
    dev_chain.control.produce(3)
    register(chain, "bob-1")
    dev_chain.produce()
    dev_chain.orphan(2)
    dev_chain.control.set_basic_fee(600_000)
    dev_chain.control.produce(2)
    register(chain, "still-pending-1")
    return dev_chain


def reopened(path: Path, **changes: Any) -> DevChain:
    return DevChain(replace(SETTINGS, data=path, **changes), clock=lambda: START)


async def test_chain_resumes_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    first = lived_in(path)
    kept = settled(first)
    await first.stop()
    again = reopened(path)
    assert (settled(again), again.chain_id) == (kept, first.chain_id)
    register(again.chain, "carol-1")
    again.produce()
    kept = settled(again)
    await again.stop()
    assert settled(reopened(path)) == kept


async def test_truncated_last_line_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    await lived_in(path).stop()
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole[:-7])
    again = reopened(path)
    assert path.read_bytes() == whole.removesuffix(last)
    again.produce()
    await again.stop()
    reopened(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"prefix": "TEST"},
        {"registrar": "another"},
        {"registrar_key": published_key("another")},
        {"parameters": ChainParameters(basic_fee=1)},
    ],
)
async def test_file_with_another_genesis_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "chain.jsonl"
    await lived_in(path).stop()
    before = path.read_bytes()
    with pytest.raises(JournalError, match="began with other settings"):
        reopened(path, **changes)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["no JSON\n", '{"what": "is this?"}\n', "[]\n"])
def test_other_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "chain.jsonl"
    path.write_text(content)
    with pytest.raises(JournalError):
        reopened(path)
    assert path.read_text() == content


async def test_private_keys_are_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    dev_chain = lived_in(path)
    await dev_chain.stop()
    assert dev_chain.registrar_wif not in path.read_text()


# The settings


@pytest.mark.parametrize(
    "changes",
    [
        {"block_interval": -1},
        {"irreversible_lag": -1},
        {"registrar": "referrer"},
        {"registrar": "committee-account"},
        {"registrar": "Not A Name"},
        {"chain_id": "ab"},
    ],
)
def test_invalid_settings_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        DevChainSettings(**changes)


def test_new_chain_has_a_random_id_by_default() -> None:
    ids = {
        new_dev_chain().chain_id,
        new_dev_chain().chain_id,
        new_dev_chain(replace(SETTINGS, chain_id="ab" * 32)).chain_id,
    }
    assert len(ids) == 3
    assert "ab" * 32 in ids


async def test_address_in_use_raises_and_leaves_nothing_open(tmp_path: Path) -> None:
    dev_chain = new_dev_chain()
    async with serving(dev_chain):
        port = int(dev_chain.url.rpartition(":")[2])
        other = reopened(tmp_path / "chain.jsonl", port=port)
        with pytest.raises(OSError, match="in use"):
            await other.start()
