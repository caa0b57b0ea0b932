"""Nodes that are away, silent, on another chain, behind or ahead; and one that goes in the middle of a batch."""

import asyncio
import signal
from pathlib import Path

import pytest

from chain.errors import LinkError
from tests.harness.fault_scenario import CLOCKED, Scenario, healing
from tests.harness.program import QUICK

pytestmark = pytest.mark.usefixtures("every_flavour")

SMALL = ("--parameter", "maximum_transaction_size=2048")  # a dozen accounts
OLD = 3600  #: seconds, more than max_head_age


def kept(folder: Path) -> tuple[str, ...]:
    """Options of a quick chain that is still there when its node comes back."""
    return (*QUICK, "--data", str(folder / "chain.journal"))


def two_nodes(url: str) -> list[str]:
    """Two addresses of one chain."""
    return [url, url.replace("127.0.0.1", "localhost")]


async def disconnect(scene: Scenario) -> None:
    """Drop every connection to the node, this one too."""
    with pytest.raises(LinkError):
        await scene.chain.control("disconnect")
    await scene.chain.link.wait_connected()


async def test_node_away_for_five_minutes(tmp_path: Path) -> None:
    """What was on its way when it died has expired meanwhile, and is signed anew."""

    async with healing(tmp_path, *kept(tmp_path)) as scene:
        await scene.broadcast("before-1", "before-2")
        await scene.chain.program.stop(signal.SIGKILL)
        await scene.sign_up("away-1", "away-2")
        await scene.told("chain", scene.chain.url)
        await scene.chain.come_back(*kept(tmp_path), script=(CLOCKED, "300"))
        assert (await scene.service.job(scene.jobs["before-1"], until="done"))["attempts"] == 2


async def test_node_that_accepts_and_never_answers(tmp_path: Path) -> None:
    """It is left for the next."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        mute = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with healing(tmp_path, urls=lambda url: [mute, url], node_timeout=0.5) as scene:
            await scene.sign_up("first-1")
            await scene.reach("done")
            await disconnect(scene)
            await scene.sign_up("second-1")
        assert f"{mute}: timed out" in (tmp_path / "log").read_text()


async def test_failover_amid_a_batch(tmp_path: Path) -> None:
    """A node goes when it has taken some transactions of a drain: another gets the rest, and all come once."""

    names = [f"many-{number}" for number in range(60)]
    async with healing(tmp_path, *QUICK, *SMALL, urls=two_nodes) as scene:
        for wrong in ({"do": "late", "times": 2}, {"do": "drop_after"}):
            await scene.chain.control("fault", {"on": "broadcast_transaction", **wrong})
        await scene.sign_up(*names)
        await scene.reach("done")
        assert "localhost" in (await scene.service.fetch("/readyz")).body["checks"]["chain"]["text"]


async def test_node_on_another_chain(tmp_path: Path) -> None:
    """Nothing is sent to it."""

    async with healing(tmp_path) as scene:
        chain_id = await scene.chain.node.chain_id()
        await scene.chain.control("set_chain_id", "ab" * 32)
        await disconnect(scene)
        await scene.told("chain", "is on the chain abababab…, but the ledger belongs to")
        await scene.sign_up("other-1")
        await scene.chain.control("set_chain_id", chain_id)


async def test_node_out_of_sync(tmp_path: Path) -> None:
    async with healing(tmp_path) as scene:
        await scene.chain.control("set_head_age", OLD)
        await disconnect(scene)
        await scene.told("chain", "is out of sync: its head block is")
        await scene.sign_up("stale-1")
        await scene.chain.control("set_head_age", 0)


async def test_node_whose_clock_is_behind(tmp_path: Path) -> None:
    """Its blocks are old: it is not used until its clock is right."""

    async with healing(tmp_path, *kept(tmp_path), node=(CLOCKED, f"-{OLD}"), fit=False) as scene:
        await scene.sign_up("behind-1")
        await scene.told("chain", "is out of sync: its head block is")
        await scene.chain.program.stop(signal.SIGKILL)
        await scene.chain.come_back(*kept(tmp_path))


async def test_node_whose_clock_is_ahead(tmp_path: Path) -> None:
    """Expirations count from its blocks, so it takes what is signed."""

    async with healing(tmp_path, node=(CLOCKED, f"{OLD}")) as scene:
        await scene.sign_up("ahead-1")
