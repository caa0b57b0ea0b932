"""The benchmarks with a node, with small loads: their counts are right. Times are not checked here."""

import shutil
from pathlib import Path

import pytest

from bench import growth, registering
from chain.node import Node
from chain.open_link import open_link
from tests.harness.chain_totals import read_totals
from tests.harness.program import dev_chain, keys_of

SMALL = 0.005
COUNT = 100


async def test_rates_are_measured_at_both_nodes(tmp_path: Path) -> None:
    figures = await registering.measure(SMALL, tmp_path)
    assert [figure.what for figure in figures if figure.value <= 0] == []
    assert sum(figure.met is not None for figure in figures) == 3


async def test_drained_and_predecessor_registrations_are_on_the_chain(tmp_path: Path) -> None:
    async with dev_chain(*registering.CHAIN) as chain:
        await registering.drained(tmp_path / "paid", chain.url, COUNT, balance=registering.BALANCE)
        await registering.predecessor(chain.url, 3)
        while len((totals := await read_totals(chain.node)).registered) < COUNT + 3:
            """The last ones wait for the next block."""
        names = {*(f"paid-{number}" for number in range(COUNT)), *(f"before-{number}" for number in range(3))}
        assert dict(totals.registered) == dict.fromkeys(names, 1)
        assert len(totals.paid) == COUNT
        (account,) = await chain.node.accounts(["paid-7"])
        assert account is not None
        assert account.active.keys == ((keys_of("paid")["active_key"], 1),)


async def test_sink_has_each_transaction_once_in_its_blocks(tmp_path: Path) -> None:
    async with registering.sink() as url, open_link([url], timeout=5) as link:
        await registering.drained(tmp_path / "sunk", url, COUNT)
        totals = await read_totals(Node(link.call))
        assert dict(totals.registered) == {f"sunk-{number}": 1 for number in range(COUNT)}


async def test_sink_offers_what_serving_needs() -> None:
    async with registering.sink() as url, open_link([url], timeout=5) as link:
        node = Node(link.call)
        assert [await node.serves(api) for api in ("login", "database", "network_broadcast")] == [None] * 3


@pytest.mark.skipif(shutil.which("wrk") is None, reason="the load is made by wrk, which is missing")
async def test_ledgers_of_all_sizes_are_measured(tmp_path: Path) -> None:
    figures = await growth.measure(0.0001, tmp_path)
    assert len(figures) == 8
    assert [figure.what for figure in figures if figure.value <= 0] == []
