"""More signups than the faucet can take: what still gets through, and how the others are told."""

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median, quantiles

from bench.figure import Figure
from bench.load import CONNECTIONS, Load, load, write_keys
from bench.processes import LOOK_EVERY, faucet, ledger_of, pause_drain, raise_limit
from bench.registering import fill, sink
from jobs.ledger import Ledger
from tests.program import Faucet

PATH = "/api/v1/accounts"
TIMES = (1, 2, 10)  #: what it can take
SECONDS = 20  #: of each load
FEWEST = 3  #: seconds, so that there are blocks to count
REST = 500  #: milliseconds that a connection of a paced load rests between two signups
QUEUE = 0.5  #: that may wait, of what can be registered during a load; so many wait when it begins
GOODPUT = 0.90  #: of the peak

PLOT_CONNECTIONS = "Signups accepted a second, by connections"
PLOT_QUEUE = "Accounts registered a second with a full queue, by signups offered"


@dataclass(frozen=True)
class Full:
    """A load on a faucet whose queue is full."""

    times: int  #: what it can take
    offered: Load
    goodput: float  #: accounts a second
    waits: list[float]  #: milliseconds to the answers of those that were accepted


async def measure(size: float, folder: Path) -> list[Figure]:
    """Goodput with more connections than keep it busy, and with more signups than it registers."""
    raise_limit()
    seconds = max(FEWEST, round(SECONDS * size))
    keys = write_keys(folder / "keys")
    async with sink() as url:
        crowded = await _crowded(folder / "crowded", url, keys, seconds)
        pace = await _sustained(folder / "sustained", url, keys, seconds)
        limit = max(1, int(pace * seconds * QUEUE))
        async with faucet(folder / "full", url, queue_limit=limit) as service:
            full = []
            for times in TIMES:
                await _fill_up(service, f"filler{times}", limit)
                full.append(await _full(service, keys, pace, times, seconds))
    return [*_of_connections(crowded), *_of_queue(pace, full)]


async def _crowded(folder: Path, url: str, keys: Path, seconds: int) -> list[Load]:
    """The same faucet, kept busy by more and more connections; nothing but accepting."""
    async with faucet(folder, url) as service:
        await pause_drain(service)
        await load(service.url + PATH, keys, "warm", seconds=1)
        return [
            await load(service.url + PATH, keys, f"x{times}", seconds=seconds, connections=CONNECTIONS * times)
            for times in TIMES
        ]


def _of_connections(loads: list[Load]) -> list[Figure]:
    peak = max(one.rate for one in loads)
    return [
        Figure(
            f"accepting, {CONNECTIONS * times} connections", one.rate, "/s", f"{GOODPUT:.2f} of the peak",
            one.rate / peak, one.rate / peak >= GOODPUT,
            f"50 %: {one.p50:.0f} ms, 99 %: {one.p99:.0f} ms; {one.others} others", PLOT_CONNECTIONS,
        )
        for times, one in zip(TIMES, loads, strict=True)
    ]  # fmt: skip


async def _sustained(folder: Path, url: str, keys: Path, seconds: int) -> float:
    """Signups a second that it can accept and register for as long as one likes: what it can take."""
    async with faucet(folder, url) as service:
        start = time.monotonic()
        taken = await load(service.url + PATH, keys, "sustained", seconds=seconds)
        await _all_registered(service)
        return taken.answered / (time.monotonic() - start)


async def _fill_up(service: Faucet, tag: str, limit: int) -> None:
    """Let as many wait as may, once nothing does: a limit that is never reached would refuse nobody."""
    await _all_registered(service)
    await pause_drain(service)
    ledger = await Ledger.open(ledger_of(service))
    await fill(ledger, tag, limit)
    await ledger.resume("drain", by="bench")
    await ledger.close()


async def _full(service: Faucet, keys: Path, pace: float, times: int, seconds: int) -> Full:
    """Offer so many `times` the pace."""
    connections = max(1, round(pace * times * REST / 1000))
    waits: list[float] = []
    start = time.time()
    probing = asyncio.create_task(_probe(service, f"probe{times}", waits))
    url = service.url + PATH
    offered = await load(url, keys, f"full{times}", seconds=seconds, connections=connections, pause=REST)
    probing.cancel()
    await asyncio.gather(probing, return_exceptions=True)
    return Full(times, offered, _goodput(service, start, time.time()), waits)


async def _probe(service: Faucet, tag: str, waits: list[float]) -> None:
    """Sign up, one after the other, and add to `waits` how long each that was accepted took."""
    for number in count():
        start = time.perf_counter()
        if (await service.sign_up(f"{tag}-{number}")).status == 200:
            waits.append((time.perf_counter() - start) * 1000)


async def _all_registered(service: Faucet) -> None:
    """Return when all jobs are in a block."""
    look = "SELECT 1 FROM jobs WHERE registered_at IS NULL LIMIT 1"
    while _asked(service, look):  # noqa: ASYNC110  # a file has no event
        await asyncio.sleep(LOOK_EVERY)


def _goodput(service: Faucet, start: float, end: float) -> float:
    """Accounts a second in the blocks between two times; 0 where there are not two blocks."""
    look = "SELECT registered_at, count(*) FROM jobs WHERE registered_at BETWEEN ? AND ? GROUP BY 1 ORDER BY 1"
    blocks = _asked(service, look, start * 1000, end * 1000)
    if len(blocks) < 2:
        return 0.0
    # What is in the first came before it.
    return sum(jobs for _, jobs in blocks[1:]) * 1000 / (blocks[-1][0] - blocks[0][0])


def _asked(service: Faucet, look: str, *values: float) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(ledger_of(service))) as connection:
        return connection.execute(look, values).fetchall()


def _of_queue(pace: float, loads: list[Full]) -> list[Figure]:
    peak = max(one.goodput for one in loads)
    silent = sum(one.offered.silent for one in loads)
    refused = sum(one.offered.statuses.get(503, 0) for one in loads)
    others = sum(one.offered.others for one in loads) - refused
    return [
        Figure("what it accepts and registers for long", pace, "/s", note="by the sink node; one process"),
        *(_goodput_figure(one, peak) for one in loads),
        Figure(
            "refused without Retry-After",
            silent,
            "",
            "0",
            met=refused > 0 and silent == 0,
            note=f"of {refused:,} answers 503",
        ),
        Figure("neither accepted nor refused", others, "", "0", met=others == 0),
    ]


def _goodput_figure(one: Full, peak: float) -> Figure:
    share = one.goodput / peak if peak else 0.0
    refused = one.offered.statuses.get(503, 0) / one.offered.seconds
    return Figure(
        f"a full queue, {one.times} times that offered", one.goodput, "/s", f"{GOODPUT:.2f} of the peak", share,
        share >= GOODPUT, f"refused {refused:,.0f}/s; those accepted waited {_waits(one.waits)}", PLOT_QUEUE,
    )  # fmt: skip


def _waits(waits: list[float]) -> str:
    if len(waits) < 2:
        return "too few to tell"
    return f"{median(waits):.0f} ms at the median, {quantiles(waits, n=20)[18]:.0f} ms at 95 %"
