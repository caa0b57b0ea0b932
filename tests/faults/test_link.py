"""Nodes that are down, silent, on another chain, behind or ahead; and one that dies in the middle of a batch."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chain.errors import LinkError
from tests.harness.fault_scenario import CLOCKED, Scenario, fault_scenario
from tests.harness.program import QUICK

pytestmark = pytest.mark.usefixtures("every_flavour")

SMALL = ("--parameter", "maximum_transaction_size=2048")  # a dozen accounts
OLD = 3600  #: seconds, more than max_head_age


def kept(folder: Path) -> tuple[str, ...]:
    """Options of a quick chain that survives its node's restart."""
    return (*QUICK, "--data", str(folder / "chain.journal"))


def two_nodes(url: str) -> list[str]:
    """Two addresses of one chain."""
    return [url, url.replace("127.0.0.1", "localhost")]


async def disconnect(scenario: Scenario) -> None:
    """Drop every connection to the node, including this one."""
    with pytest.raises(LinkError):
        await scenario.chain.control("disconnect")
    await scenario.chain.link.wait_connected()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process stands still in the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def expired(scenario: Scenario) -> None:
    """Return when the chain takes nothing more of before its node was away: a block is made after the break.

    Into the first one it takes what had not expired at the last one before.
    """
    await scenario.chain.link.wait_connected()
    first = (await scenario.chain.node.head()).number
    while (await scenario.chain.node.head()).number < first + 2:
        """The call is the wait."""


async def test_node_away_for_five_minutes(tmp_path: Path) -> None:
    """Transactions in flight when it died have expired by then, and are signed again."""

    async with fault_scenario(tmp_path, *kept(tmp_path)) as scenario:
        await scenario.broadcast("before-1", "before-2")
        await scenario.pending("before-1", "before-2")  # a node that never had them refuses them, which counts no try
        await scenario.chain.program.stop(signal.SIGKILL)
        await scenario.sign_up("away-1", "away-2")
        await scenario.reported("chain", scenario.chain.url)
        with stopped(scenario.service.pid):
            await scenario.chain.come_back(*kept(tmp_path), script=(CLOCKED, "300"))
            await expired(scenario)
        assert (await scenario.service.job(scenario.jobs["before-1"], until="done"))["attempts"] == 2


async def test_node_accepts_and_never_answers(tmp_path: Path) -> None:
    """The faucet switches to the next node."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        mute = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with fault_scenario(tmp_path, urls=lambda url: [mute, url], node_timeout=0.5) as scenario:
            await scenario.sign_up("first-1")
            await scenario.reach("done")
            await disconnect(scenario)
            await scenario.sign_up("second-1")
        assert f"{mute}: timed out" in (tmp_path / "log").read_text()


async def test_failover_amid_a_batch(tmp_path: Path) -> None:
    """A node dies after accepting part of a drain: another gets the rest, and every account is registered once."""

    names = [f"many-{number}" for number in range(60)]
    async with fault_scenario(tmp_path, *QUICK, *SMALL, urls=two_nodes) as scenario:
        for wrong in ({"do": "late", "times": 2}, {"do": "drop_after"}):
            await scenario.chain.control("fault", {"on": "broadcast_transaction", **wrong})
        await scenario.sign_up(*names)
        await scenario.reach("done")
        assert "localhost" in (await scenario.service.fetch("/readyz")).body["checks"]["chain"]["text"]


async def test_node_on_another_chain(tmp_path: Path) -> None:
    """Nothing is sent to it."""

    async with fault_scenario(tmp_path) as scenario:
        chain_id = await scenario.chain.node.chain_id()
        await scenario.chain.control("set_chain_id", "ab" * 32)
        await disconnect(scenario)
        await scenario.reported("chain", "is on the chain abababab…, but the ledger belongs to")
        await scenario.sign_up("other-1")
        await scenario.chain.control("set_chain_id", chain_id)


async def test_node_out_of_sync(tmp_path: Path) -> None:
    async with fault_scenario(tmp_path) as scenario:
        await scenario.chain.control("set_head_age", OLD)
        await disconnect(scenario)
        await scenario.reported("chain", "is out of sync: its head block is")
        await scenario.sign_up("stale-1")
        await scenario.chain.control("set_head_age", 0)


async def test_node_whose_clock_is_behind(tmp_path: Path) -> None:
    """Its blocks are old: it is not used until its clock is right."""

    async with fault_scenario(tmp_path, *kept(tmp_path), node=(CLOCKED, f"-{OLD}"), fit=False) as scenario:
        await scenario.sign_up("behind-1")
        await scenario.reported("chain", "is out of sync: its head block is")
        await scenario.chain.program.stop(signal.SIGKILL)
        await scenario.chain.come_back(*kept(tmp_path))


async def test_node_whose_clock_is_ahead(tmp_path: Path) -> None:
    """Expirations count from its blocks, so it takes what is signed."""

    async with fault_scenario(tmp_path, node=(CLOCKED, f"{OLD}")) as scenario:
        await scenario.sign_up("ahead-1")
