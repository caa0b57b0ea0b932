"""Assertions in the parameters, the history, the file and the totals of a dev chain."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from chain.link import Call
from chain.node import Node
from devchain import ChainParameters, DevChain, JournalError, read_parameters
from devchain.settings import published_key
from tests.chaos.records import read_chain
from tests.harness.assertions import FEE, FORBIDDEN, PLAIN_NAME, asserting, assertion, balance, named
from tests.harness.chain_totals import read_totals
from tests.harness.dev_chain import (
    PLAIN,
    REFERRER,
    REGISTRAR,
    SETTINGS,
    Client,
    new_dev_chain,
    payment,
    registration,
    serving,
    signed,
    snapshot,
    text_of,
)


def test_parameters_can_be_set_at_the_start() -> None:
    parameters = read_parameters(["assert_fee=5", "max_predicate_opcode=0"])
    assert (parameters.assert_fee, parameters.max_predicate_opcode) == (5, 0)
    assert (ChainParameters().assert_fee, ChainParameters().max_predicate_opcode) == (FEE, 1)


def test_parameter_that_would_allow_block_ids_is_refused() -> None:
    with pytest.raises(ValueError, match="max_predicate_opcode must be 0 to 2"):
        read_parameters(["max_predicate_opcode=3"])


async def current(client: Client) -> tuple[int, int]:
    """Fee and limit of assertions as the API shows them."""
    parameters = (await client.get(0, "get_global_properties"))["parameters"]
    return dict(parameters["current_fees"]["parameters"])[36]["fee"], parameters["max_predicate_opcode"]


async def test_api_shows_and_changes_fee_and_limit() -> None:
    dev_chain = new_dev_chain()
    two = asserting(dev_chain.chain, named(PLAIN, PLAIN_NAME), named(REFERRER, "referrer"))
    async with serving(dev_chain) as client:
        assert await current(client) == (FEE, 1)
        assert await Node(caller(client)).required_fees([two]) == [2 * FEE]
        await client.get("devchain", "set_parameters", {"assert_fee": 7, "max_predicate_opcode": 0})
        assert await current(client) == (7, 0)
        assert await Node(caller(client)).required_fees([two]) == [14]
        reply = await client.ask(3, "broadcast_transaction", signed(dev_chain.chain, assertion(dev_chain.chain)))
        assert text_of(reply["error"]) == FORBIDDEN


def caller(client: Client) -> Call:
    """Calls as a Node makes them, through `client`."""

    async def call(api: str, method: str, arguments: list[Any]) -> Raw:
        return Raw(msgspec.json.encode(await client.get(api, method, *arguments)))

    return call


# History, file, totals


async def test_history_has_the_assertions_that_an_account_paid() -> None:
    dev_chain = new_dev_chain()
    dev_chain.chain.push(signed(dev_chain.chain, assertion(dev_chain.chain)))
    dev_chain.produce()
    async with serving(dev_chain) as client:
        arguments = ["1.11.0", 100, "1.11.0"]
        (entry,) = await client.get("history", "get_account_history", REGISTRAR, *arguments)
        assert (entry["op"][0], entry["result"]) == (36, [0, {}])
        assert await client.get("history", "get_account_history", PLAIN, *arguments) == []


def lived_in(path: Path, **parameters: Any) -> DevChain:
    """A chain that has an assertion in a block of its file."""
    dev_chain = new_dev_chain(replace(SETTINGS, data=path), **parameters)
    chain = dev_chain.chain
    two = asserting(chain, named(PLAIN, PLAIN_NAME), named(REFERRER, "referrer"))
    chain.push(signed(chain, two, payment(chain, 5)))
    dev_chain.produce()
    dev_chain.control.set_parameters({"assert_fee": 9, "max_predicate_opcode": 0})
    dev_chain.produce()
    return dev_chain


async def test_file_keeps_assertions_and_their_parameters(tmp_path: Path) -> None:
    dev_chain = lived_in(tmp_path / "chain.jsonl")
    await dev_chain.stop()
    again = DevChain(replace(SETTINGS, data=tmp_path / "chain.jsonl"), clock=lambda: 0)
    assert snapshot(again.chain) == snapshot(dev_chain.chain)
    assert (again.chain.parameters.assert_fee, again.chain.parameters.max_predicate_opcode) == (9, 0)
    await again.stop()


async def test_older_file_gets_the_defaults_of_new_parameters(tmp_path: Path) -> None:
    path = tmp_path / "chain.jsonl"
    dev_chain = lived_in(path)
    await dev_chain.stop()
    forget_parameters(path, "assert_fee", "max_predicate_opcode")
    again = DevChain(replace(SETTINGS, data=path), clock=lambda: 0)
    assert snapshot(again.chain) == snapshot(dev_chain.chain)
    await again.stop()
    with pytest.raises(JournalError, match="began with other settings"):
        DevChain(replace(SETTINGS, data=path, parameters=ChainParameters(assert_fee=5)), clock=lambda: 0)


def forget_parameters(path: Path, *names: str) -> None:
    first, *rest = path.read_text().splitlines(keepends=True)
    beginning = json.loads(first)
    for name in names:
        del beginning["parameters"][name]
    path.write_text(json.dumps(beginning) + "\n" + "".join(rest))


async def test_totals_count_the_fee_of_an_assertion() -> None:
    """It is neither a registration nor a payment, in whatever transaction it stands."""

    dev_chain = new_dev_chain()
    chain = dev_chain.chain
    before = balance(chain)
    chain.push(signed(chain, assertion(chain)))
    chain.push(signed(chain, assertion(chain), registration(chain, "alice-1"), payment(chain, 5)))
    dev_chain.produce()
    others = signed(chain, assertion(chain, payer=REFERRER), key=published_key("referrer"))
    async with serving(dev_chain) as client:
        totals = await read_totals(Node(caller(client)))
        assert totals.spent == before - balance(chain)
        assert (dict(totals.registered), dict(totals.paid), dict(totals.amounts)) == (
            {"alice-1": 1}, {PLAIN: 1}, {PLAIN: 5},
        )  # fmt: skip
        chain.push(others)
        dev_chain.produce()
        record = await read_chain(dev_chain.url, REGISTRAR)
        assert (len(record.registrations), len(record.payments), record.assertions) == (1, 1, [FEE, FEE])
        assert record.spent == before - balance(chain) == before - record.balance
        assert len(record.blocks) == 2
