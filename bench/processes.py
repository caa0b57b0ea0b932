"""What is measured, in processes of its own: the bare handler, the faucet, and what they use of the machine."""

import asyncio
import contextlib
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg

from jobs.ledger import Ledger
from jobs.ledger.engines import SCHEMES, Location
from jobs.ledger.postgresql.rows import placed
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
async def faucet(
    folder: Path, chain_url: str, *, workers: int = 1, role: str = "all", **settings: Any
) -> AsyncIterator[Faucet]:
    """A faucet on the chain at `chain_url`, as configured by default but without limits; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    service = Faucet(folder, {**settings_for(chain_url), **settings})
    await service.start("--workers", str(workers), "--role", role)
    try:
        await wait_ready(service)
        yield service
    finally:
        await service.stop()


def settings_for(chain_url: str) -> dict[str, Any]:
    """The configuration of a faucet on the chain at `chain_url`, without limits."""
    # Of the balance: else the drain pauses once a load has cost a quarter of it.
    unlimited = {"restrict_ip": False, "queue_limit": 10_000_000, "daily_budget": "100 %"}
    return {"witness_url": chain_url, "registrar": "faucet", "wif": REGISTRAR_WIF, **unlimited}


async def pause_drain(service: Faucet) -> None:
    """Keep what is accepted from the chain, so that only accepting is measured."""
    async with opened_ledger(service) as ledger:
        await ledger.operators.pause("drain", by="bench", reason="Only accepting is measured.")


@contextlib.asynccontextmanager
async def opened_ledger(service: Faucet) -> AsyncIterator[Ledger]:
    """Its ledger."""
    ledger = await Ledger.open(ledger_of(service))
    try:
        yield ledger
    finally:
        await ledger.close()


def ledger_of(service: Faucet) -> Location:
    """Its ledger's file, or the URL of its database."""
    location: str = json.loads(service.config.read_text())["ledger"]
    return location if location.startswith(SCHEMES) else Path(location)


Ask = Callable[..., list[tuple[Any, ...]]]  #: the rows of a query, with `?` for the values that follow it


@contextlib.contextmanager
def ledger_session(service: Faucet) -> Iterator[Ask]:
    """What asks its ledger, on one connection: another one each time would cost a database more than the answer."""
    location = ledger_of(service)
    if isinstance(location, Path):
        with contextlib.closing(sqlite3.connect(location)) as connection:
            yield lambda query, *values: connection.execute(query, values).fetchall()
    else:
        with contextlib.closing(psycopg.connect(location, autocommit=True)) as session:
            yield lambda query, *values: session.execute(placed(query), values).fetchall()


def query_ledger(service: Faucet, query: str, *values: float) -> list[tuple[Any, ...]]:
    """The rows of `query` in its ledger."""
    with ledger_session(service) as ask:
        return ask(query, *values)


async def all_registered(service: Faucet) -> None:
    """Return when all of its jobs are in a block."""
    await _none_in(service, "IN ('queued', 'broadcast')")


async def all_final(service: Faucet) -> None:
    """Return when all of its jobs are in blocks that stay: what that costs is not counted in what follows."""
    await _none_in(service, "<> 'done'")


async def _none_in(service: Faucet, states: str) -> None:
    # Not by the jobs themselves: to go through them again and again would take a core from the load.
    query = f"SELECT 1 FROM job_counts WHERE jobs > 0 AND state {states}"
    with ledger_session(service) as ask:
        while ask(query):  # noqa: ASYNC110  # a file has no event
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
    """That the process and all that it started have taken so far, also those that have ended."""
    return sum(_ticks(member) for member in family(pid)) / TICKS


def _ticks(pid: int) -> int:
    """Of the processor's clock, by the process and its children that have ended."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
    return 0


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
