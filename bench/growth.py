"""What a ledger of millions costs: accepting, draining and looking up, beside an empty one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.figure import Figure
from bench.load import load, write_keys
from bench.million import make_ledger
from bench.processes import faucet, pause_drain
from bench.registering import pace, sink

JOBS = (0, 1_000_000, 10_000_000)
LOOKS = 300
DRAINED = 5_000
SECONDS = 5
MOST = 1.25


@dataclass(frozen=True)
class Measured:
    """One ledger's figures."""

    accepting: float  #: signups a second
    draining: float  #: accounts a second
    job: float  #: milliseconds to look one up
    name: float  #: … whether it is free


async def measure(size: float, folder: Path) -> list[Figure]:
    """The same of each ledger, in one run, and how many times slower the large ones are."""
    keys = write_keys(folder / "keys")
    counts = [round(jobs * size) for jobs in JOBS]
    async with sink() as url:
        empty, *grown = [await _measured(folder / f"{count}", url, count, keys, size) for count in counts]
    return [figure for count, one in zip(counts[1:], grown, strict=True) for figure in _figures(count, one, empty)]


def _figures(count: int, one: Measured, empty: Measured) -> list[Figure]:
    jobs = f"{count:,} jobs"
    return [
        _figure(f"accepting, {jobs}", one.accepting, "/s", empty.accepting / one.accepting, empty.accepting),
        _figure(f"draining, {jobs}", one.draining, "/s", empty.draining / one.draining, empty.draining),
        _figure(f"looking up a job, {jobs}", one.job, "ms", one.job / empty.job, empty.job),
        _figure(f"looking up a name, {jobs}", one.name, "ms", one.name / empty.name, empty.name),
    ]


def _figure(what: str, value: float, unit: str, times: float, before: float) -> Figure:
    note = f"{before:,.2f} {unit} with none; the ratio says how many times slower"
    return Figure(what, value, unit, f"within {MOST}", times, times <= MOST, note)


async def _measured(folder: Path, url: str, count: int, keys: Path, size: float) -> Measured:
    """The figures of a ledger with `count` jobs and names. The drain stands still until it is measured."""
    folder.mkdir()
    await asyncio.to_thread(make_ledger, folder / "faucet.db", count, now=time.time())
    async with faucet(folder, url) as service:
        await pause_drain(service)
        seconds, looks = max(1, round(SECONDS * size)), max(20, round(LOOKS * size))
        job = await _time_of(lambda number: service.fetch(f"/api/v1/jobs/{_spread(number, count):032x}"), looks)
        name = await _time_of(lambda number: service.fetch(f"/api/v1/accounts/name-{_spread(number, count)}"), looks)
        await load(f"{service.url}/faucet", keys, f"warm{count}", seconds=1)
        accepting = await load(f"{service.url}/faucet", keys, f"grown{count}", seconds=seconds)
        draining = await pace(service, f"drained{count}", max(100, round(DRAINED * size)))
    return Measured(accepting.rate, draining, job, name)


async def _time_of(look: Callable[[int], Awaitable[object]], times: int) -> float:
    """Milliseconds at the median."""
    taken = []
    for number in range(times):
        began = time.perf_counter()
        await look(number)
        taken.append(time.perf_counter() - began)
    return median(taken) * 1000


def _spread(number: int, count: int) -> int:
    """A job that is far from the one before."""
    return number * 7_919 % max(1, count) + 1
