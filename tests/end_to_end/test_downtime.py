"""A stop, a restart and a machine that sleeps are no news: only what was looked at can have failed."""

import asyncio
import json
import os
import signal
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

from tests.harness.fault_scenario import CLOCKED, Scenario
from tests.harness.program import QUICK, DevChainProgram, Faucet, dev_chain, on_chain, wait_ready

RIGHT, HOUR_LATER = (CLOCKED, "0"), (CLOCKED, "3600")
SLEEPS_AN_HOUR = signal.SIGUSR1  #: the clock of CLOCKED jumps; monotonic time does not, as in a suspended machine


def kept(folder: Path) -> tuple[str, ...]:
    """Options of a quick chain that survives its node's restart."""
    return (*QUICK, "--data", str(folder / "chain.journal"))


def alerts_of(service: Faucet) -> list[str]:
    """What the log says of alerts."""
    return [line for line in (service.folder / "log").read_text().splitlines() if "alert " in line]


def gaps_of(service: Faucet) -> list[tuple[int, int]]:
    """The gaps that the ledger has."""
    with closing(sqlite3.connect(f"file:{service.folder / 'faucet.db'}?mode=ro", uri=True)) as connection:
        ((value,),) = connection.execute("SELECT value FROM facts WHERE name = 'downtime'").fetchall()
    return [(start, end) for start, end in json.loads(value)["gaps"]]


async def evaluated(service: Faucet) -> None:
    """Return when alerts were evaluated after a gap that began since this was called."""
    known = len(gaps_of(service))
    while len(gaps_of(service)) == known:
        await service.fetch("/healthz")


async def reported_ok(service: Faucet, check: str, words: str) -> None:
    """Return when this check of /readyz holds, with `words`."""
    while True:
        found = (await service.fetch("/readyz")).body["checks"][check]
        if found["ok"] and words in found["text"]:
            return


@asynccontextmanager
async def started(folder: Path, chain: DevChainProgram, **settings: Any) -> AsyncIterator[Scenario]:
    """A faucet that is ready, until the block ends."""
    service = Faucet(folder, on_chain(chain.url, **settings))
    await service.start(script=RIGHT)
    try:
        await wait_ready(service)
        yield Scenario(chain, service, 0)
    finally:
        await service.stop()


async def test_long_stop_raises_no_alert(tmp_path: Path) -> None:
    """Neither of the node, which is not there yet when it starts again, nor of the signup that waited meanwhile."""
    async with dev_chain(*kept(tmp_path), script=RIGHT) as chain:
        async with started(tmp_path, chain) as scenario:
            service = scenario.service
            await chain.program.stop(signal.SIGKILL)
            await scenario.sign_up("waits-1")
            await service.stop()
            await service.start(script=HOUR_LATER)
            await reported_ok(service, "queue", "has waited for 60 min.")
            await chain.come_back(*kept(tmp_path), script=HOUR_LATER)
            await scenario.reach("done")
        assert alerts_of(service) == []


async def test_sleeping_machine_raises_no_alert(tmp_path: Path) -> None:
    async with dev_chain(*kept(tmp_path), script=RIGHT) as chain:
        async with started(tmp_path, chain) as scenario:
            service = scenario.service
            await chain.control("stall", True)
            for process in (chain.program.pid, service.pid):
                os.kill(process, SLEEPS_AN_HOUR)
            await evaluated(service)
            await chain.control("stall", False)
            await scenario.sign_up("after-1")
            await scenario.reach("done")
        assert alerts_of(service) == []


async def test_stopped_process_raises_no_alert(tmp_path: Path) -> None:
    """It stands still for longer than node_mail_seconds, and the last block is old when it goes on."""
    async with dev_chain() as chain:
        async with started(tmp_path, chain, node_mail_seconds=6) as scenario:
            service = scenario.service
            os.kill(service.pid, signal.SIGSTOP)
            await chain.control("stall", True)
            await asyncio.sleep(7)  # the time of the stopped process is the real one
            os.kill(service.pid, signal.SIGCONT)
            await evaluated(service)
            await chain.control("stall", False)
            await scenario.sign_up("after-1")
            await scenario.reach("done")
        assert alerts_of(service) == []


async def test_balance_from_before_a_stop_raises_no_alert(tmp_path: Path) -> None:
    """The registrar was refilled meanwhile, which no node can tell yet."""
    async with dev_chain(*kept(tmp_path), script=RIGHT) as chain:
        await chain.control("set_balance", "faucet", 50_00000)
        async with started(tmp_path, chain) as scenario:
            service = scenario.service
            await service.stop()
            await chain.control("set_balance", "faucet", 10**12)
            await chain.program.stop()
            settings = {"balance_mailthreshold": 100, "runway_mail_days": 7}
            service.config.write_text(json.dumps(on_chain(chain.url, **settings)))
            await service.start(script=HOUR_LATER)
            await scenario.sign_up("after-1")
            await scenario.reported("chain", "Connect call failed")
            await chain.come_back(*kept(tmp_path), script=HOUR_LATER)
            await scenario.reach("done")
        assert alerts_of(service) == []


async def test_absent_node_is_told_though_the_faucet_restarts(tmp_path: Path) -> None:
    async with dev_chain() as chain:
        async with started(tmp_path, chain, node_mail_seconds=2) as scenario:
            service = scenario.service
            await chain.program.stop(signal.SIGKILL)
            while not alerts_of(service):
                await service.stop()
                await service.start(script=RIGHT)
                await scenario.reported("chain", "Connect call failed")
        assert "alert=node" in alerts_of(service)[0]
        assert "No block was seen for 0 minutes" in alerts_of(service)[0]
