"""What the faucet takes of the machine while nothing comes, and while a hundred signups a second do."""

import asyncio
import time
from collections.abc import Awaitable
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.load import PATH, load, write_keys
from bench.processes import cpu_seconds, faucet, resident_memory
from bench.registering import sink

SECONDS = 30  #: that each is watched
SETTLE = 15  #: seconds from a start or a load to idleness: the last accounts must become irreversible
CONNECTIONS, REST = 50, 498  #: a hundred a second: an answer takes some 2 ms of each half second

IDLE_CPU = 1.0  #: percent of a core
IDLE_MEMORY = 90.0  #: megabytes


@dataclass(frozen=True)
class Cost:
    """What a while took."""

    cpu: float  #: percent of a core
    resident: float  #: megabytes at its end


async def measure(size: float, folder: Path) -> list[Figure]:
    """One process on a node with a block a second: idle, busy, and idle again."""
    seconds, settle = max(1, round(SECONDS * size)), SETTLE * size
    keys = write_keys(folder / "keys")
    async with sink() as node, faucet(folder / "one", node) as service:
        await asyncio.sleep(settle)
        idle = await _cost(service.pid, asyncio.sleep(seconds))
        url = service.url + PATH
        steady = asyncio.ensure_future(load(url, keys, "steady", seconds=seconds, connections=CONNECTIONS, pause=REST))
        busy = await _cost(service.pid, steady)
        await asyncio.sleep(settle)
        after = await _cost(service.pid, asyncio.sleep(seconds))
    result = steady.result()
    return [
        *_figures("idle", idle),
        Figure("at 100 signups a second: processor", busy.cpu, "%", note=f"{result.rate:.0f}/s were accepted"),
        Figure("at 100 signups a second: memory", busy.resident, "MB", note=f"{result.others} answers other than 200"),
        *_figures("idle again", after),
    ]


async def _cost(pid: int, meanwhile: Awaitable[object]) -> Cost:
    """What the process takes until `meanwhile` is over."""
    start, before = time.monotonic(), cpu_seconds(pid)
    await meanwhile
    return Cost((cpu_seconds(pid) - before) / (time.monotonic() - start) * 100, resident_memory(pid))


def _figures(when: str, cost: Cost) -> list[Figure]:
    return [
        Figure(f"{when}: processor", cost.cpu, "%", f"under {IDLE_CPU:.0f} % of a core", met=cost.cpu < IDLE_CPU),
        Figure(f"{when}: memory", cost.resident, "MB", f"under {IDLE_MEMORY:.0f} MB", met=cost.resident < IDLE_MEMORY),
    ]
