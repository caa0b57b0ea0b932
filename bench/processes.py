"""What is measured, in processes of its own: the bare handler, the faucet, and what they use of the machine."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from jobs.ledger import Ledger
from tests.harness.program import REGISTRAR_WIF, Faucet, Program, wait_ready

LOOK_INTERVAL = 0.1  #: seconds between two looks at what has no event
TICKS = os.sysconf("SC_CLK_TCK")  #: of a processor's clock, in a second


@contextlib.asynccontextmanager
async def bare() -> AsyncIterator[str]:
    """The bare handler, at the address that is given."""
    program = await Program.start(script="bench/bare.py")
    try:
        yield program.lines[0].removeprefix("listening on ")
    finally:
        await program.stop()


@contextlib.asynccontextmanager
async def faucet(folder: Path, chain_url: str, *, workers: int = 1, **settings: Any) -> AsyncIterator[Faucet]:
    """A faucet on the chain at `chain_url`, as configured by default but without limits; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    unlimited = {"restrict_ip": False, "queue_limit": 10_000_000}
    chain = {"witness_url": chain_url, "registrar": "faucet", "wif": REGISTRAR_WIF}
    service = Faucet(folder, {**chain, **unlimited, **settings})
    await service.start("--workers", str(workers))
    try:
        await wait_ready(service)
        yield service
    finally:
        await service.stop()


async def pause_drain(service: Faucet) -> None:
    """Keep what is accepted from the chain, so that only accepting is measured."""
    ledger = await Ledger.open(ledger_of(service))
    await ledger.operators.pause("drain", by="bench", reason="Only accepting is measured.")
    await ledger.close()


def ledger_of(service: Faucet) -> Path:
    """Its ledger's file."""
    return service.folder / "faucet.db"


def query_ledger(service: Faucet, query: str, *values: float) -> list[tuple[Any, ...]]:
    """The rows of `query` in its ledger."""
    with contextlib.closing(sqlite3.connect(ledger_of(service))) as connection:
        return connection.execute(query, values).fetchall()


async def all_registered(service: Faucet) -> None:
    """Return when all of its jobs are in a block."""
    query = "SELECT 1 FROM jobs WHERE registered_at IS NULL LIMIT 1"
    while query_ledger(service, query):  # noqa: ASYNC110  # a file has no event
        await asyncio.sleep(LOOK_INTERVAL)


def family(pid: int) -> list[int]:
    """The process and all that it started, and they."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        started = (int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task))
        return [pid, *(member for child in started for member in family(child))]
    return []


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def cpu_seconds(pid: int) -> float:
    """That the process and all that it started have taken so far."""
    return sum(_ticks(member) for member in family(pid)) / TICKS


def _ticks(pid: int) -> int:
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return int(user) + int(system)


def memory(pid: int) -> float:
    """Megabytes (10^6 bytes) that the process and all that it started hold now, what they share counted once."""
    return sum(_megabytes(member, "smaps_rollup", "Pss:") for member in family(pid))


def resident_memory(pid: int) -> float:
    """Megabytes that they hold now, what they share counted for each."""
    return sum(_megabytes(member, "status", "VmRSS:") for member in family(pid))


def peak_memory(pid: int) -> float:
    """The sum of the most megabytes that each of them ever held: they hold no more together at any time."""
    return sum(_megabytes(member, "status", "VmHWM:") for member in family(pid))


def _megabytes(pid: int, file: str, name: str) -> float:
    lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024 / 1e6
