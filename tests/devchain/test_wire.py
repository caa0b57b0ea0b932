"""The dev chain on the wire: malformed calls, notices, concurrency, shutdown."""

import asyncio
import contextlib
import socket
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.harness.dev_chain import SETTINGS, connected, new_dev_chain, registration, serving, signed, text_of
from tests.harness.support import data


@pytest.mark.parametrize(
    "frame",
    [
        "this is no JSON",
        "{}",
        "[]",
        '[{"id": 1, "method": "call", "params": [0, "get_chain_id", []]}]',
        '{"id": "1", "method": "call", "params": [0, "get_chain_id", []]}',
        '{"id": null, "method": "call", "params": [0, "get_chain_id", []]}',
        '{"id": true, "method": "call", "params": [0, "get_chain_id", []]}',
        '{"method": "call", "params": [0, "get_chain_id", []]}',
        '{"id": 1}',
    ],
)
async def test_frame_that_a_node_ignores_gets_no_reply(frame: str) -> None:
    async with serving(new_dev_chain()) as client:
        await client.socket.send(frame)
        await client.get(0, "get_chain_id")


@pytest.mark.parametrize("parameters", [[], [0, "get_chain_id"], [0, "get_chain_id", {}], [[], "get_chain_id", []]])
async def test_malformed_call_is_an_error(parameters: Any) -> None:
    async with serving(new_dev_chain()) as client:
        await client.send({"id": 5, "method": "call", "params": parameters})
        reply = await client.receive()
        assert reply["id"] == 5
        assert text_of(reply["error"]) == data("node-errors.json")["no params"]["error"]["data"]["stack"][0]["format"]


async def test_method_may_be_called_by_its_own_name() -> None:
    dev_chain = new_dev_chain()
    async with serving(dev_chain) as client:
        await client.send({"id": 5, "method": "get_chain_id", "params": []})
        assert (await client.receive())["result"] == dev_chain.chain_id


@pytest.mark.parametrize(
    ("api", "method"),
    [(0, "broadcast_transaction"), ("history", "get_chain_id"), (0, "_object"), (0, "__init__"), ("nonsense", "x")],
)
async def test_api_has_only_its_own_methods(api: int | str, method: str) -> None:
    async with serving(new_dev_chain()) as client:
        assert "no method with name" in text_of((await client.ask(api, method, {}))["error"])


async def test_control_api_is_closed_unless_faults_are_allowed() -> None:
    async with serving(new_dev_chain(replace(SETTINGS, faults=False))) as client:
        assert "error" in await client.ask("devchain", "produce", 1)


# Notices


async def test_blocks_are_announced_to_subscribers() -> None:
    dev_chain = new_dev_chain()
    async with serving(dev_chain) as first, connected(dev_chain) as second:
        await first.get(0, "set_block_applied_callback", 7)
        await second.get(0, "set_block_applied_callback", 8)
        block = dev_chain.produce()
        assert await first.notice() == [7, [block.id]]
        assert await second.notice() == [8, [block.id]]
        await second.get(0, "cancel_all_subscriptions")
        await first.get(0, "set_subscribe_callback", 9, True)
        block = dev_chain.produce()
        assert await first.notice() == [7, [block.id]]
        await second.get(0, "get_chain_id")
        assert second.notices == []


async def test_synchronous_broadcast_returns_upon_inclusion() -> None:
    """Other calls are answered meanwhile."""

    dev_chain = new_dev_chain()
    chain = dev_chain.chain
    async with serving(dev_chain) as client:
        transaction = signed(chain, registration(chain, "alice-1"))
        parameters = ["network_broadcast", "broadcast_transaction_synchronous", [transaction]]
        await client.send({"id": 77, "method": "call", "params": parameters})
        await client.get(0, "get_chain_id")
        dev_chain.produce()
        reply = await client.receive()
        assert (reply["id"], reply["result"]["block_num"]) == (77, chain.head_number)


async def test_waiting_client_may_disconnect() -> None:
    """On a real node it does: a crash at the next block."""

    dev_chain = new_dev_chain()
    chain = dev_chain.chain
    async with serving(dev_chain) as client:
        async with connected(dev_chain) as other:
            await other.get(0, "set_block_applied_callback", 1)
            transaction = signed(chain, registration(chain, "alice-1"))
            parameters = ["network_broadcast", "broadcast_transaction_synchronous", [transaction]]
            await other.send({"id": 1, "method": "call", "params": parameters})
            await other.get(0, "get_chain_id")
        dev_chain.produce()
        assert await client.get(0, "get_account_count") == 11


async def test_calls_are_answered_concurrently() -> None:
    dev_chain = new_dev_chain()
    chain = dev_chain.chain
    async with serving(dev_chain) as client:
        for i in range(200):
            transaction = signed(chain, registration(chain, f"alice-{i}"))
            parameters = [3, "broadcast_transaction", [transaction]]
            await client.send({"id": i, "method": "call", "params": parameters})
        replies = [await client.receive() for _ in range(200)]
        assert {reply["id"] for reply in replies if reply["result"] is None} == set(range(200))


async def test_stop_closes_connections_and_is_idempotent() -> None:
    dev_chain = new_dev_chain()
    async with serving(dev_chain) as client:
        await dev_chain.stop()
        await dev_chain.stop()
        await asyncio.wait_for(client.socket.wait_closed(), 5)


@pytest.mark.parametrize("iterations", range(6))
async def test_connection_accepted_as_the_chain_stops_is_closed(iterations: int) -> None:
    chain = new_dev_chain()
    await chain.start()
    address = urlsplit(chain.url)
    with socket.create_connection((address.hostname, address.port), timeout=10) as client:
        client.shutdown(socket.SHUT_WR)  # nobody waits for its handshake
        for _ in range(iterations):
            await asyncio.sleep(0)
        await chain.stop()
        with contextlib.suppress(ConnectionResetError):
            while client.recv(4096):
                """It may be told that it is too late."""
