"""More signups than the faucet can take: what still gets through, and how the rest is refused."""

import asyncio
import time
from dataclasses import dataclass
from itertools import accumulate, count
from pathlib import Path
from statistics import median, quantiles

from bench.figure import Figure
from bench.load import CONNECTIONS, PATH, Load, load, write_keys
from bench.processes import all_registered, faucet, ledger_of, pause_drain, query_ledger
from bench.registering import fill, sink
from chain.cancellation import end_tasks
from commands.processes import raise_file_limit
from jobs.ledger import Ledger
from tests.harness.program import Faucet

TIMES = (1, 2, 10)  #: what it can take
SECONDS = 20  #: of each load
FEWEST = 3  #: seconds, so that there are blocks to count
REST = 500  #: milliseconds that a connection of a paced load rests between two signups
QUEUE = 500  #: jobs that fill the queue
GOODPUT = 0.90  #: of the peak

PLOT_CONNECTIONS = "Signups accepted a second, the more connections come"
PLOT_OFFERED = "Accounts registered a second, by signups offered"


@dataclass(frozen=True)
class Offer:
    """So many times what the faucet can take, paced."""

    times: int  #: what it can take
    load: Load
    goodput: float  #: accounts a second
    waits: list[float]  #: milliseconds to the answers of those that were accepted


async def measure(size: float, folder: Path) -> list[Figure]:
    """Goodput with more connections than keep it busy, and with more signups than it registers."""
    raise_file_limit()
    seconds = max(FEWEST, round(SECONDS * size))
    keys = write_keys(folder / "keys")
    async with sink() as url:
        crowded = await _crowded(folder / "crowded", url, keys, seconds)
        registration_rate = await _sustained(folder / "sustained", url, keys, seconds)
        async with faucet(folder / "offered", url) as service:
            offered = []
            for times in TIMES:
                await all_registered(service)
                offered.append(await _offer(service, keys, registration_rate, times, seconds))
        refused = await _refused(folder / "full", url, keys, seconds)
    return [*_of_connections(crowded), *_of_offers(registration_rate, offered), *_of_refusals(refused, crowded[0])]


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
    return [
        _goodput_figure(
            f"accepting, {CONNECTIONS * times} connections", one.rate, so_far,
            f"50 %: {one.p50:.0f} ms, 99 %: {one.p99:.0f} ms; {one.others} others", PLOT_CONNECTIONS,
        )
        for times, one, so_far in zip(TIMES, loads, _peaks([one.rate for one in loads]), strict=True)
    ]  # fmt: skip


def _peaks(goodputs: list[float]) -> list[float | None]:
    """The most that was reached with a smaller load, beside each; None beside the smallest, which overloads nothing."""
    return [None, *accumulate(goodputs[:-1], max)]


def _goodput_figure(what: str, goodput: float, peak: float | None, note: str, plot: str) -> Figure:
    if peak is None:
        return Figure(what, goodput, "/s", note=note, plot=plot)
    share = goodput / peak if peak else 0.0
    target = f"{GOODPUT:.2f} of the peak"
    return Figure(what, goodput, "/s", target, share, share >= GOODPUT, note, plot)


async def _sustained(folder: Path, url: str, keys: Path, seconds: int) -> float:
    """Signups a second that it can accept and register for as long as one likes: what it can take."""
    async with faucet(folder, url) as service:
        start = time.monotonic()
        result = await load(service.url + PATH, keys, "sustained", seconds=seconds)
        await all_registered(service)
        return result.answered / (time.monotonic() - start)


async def _refused(folder: Path, url: str, keys: Path, seconds: int) -> Load:
    """A queue that stays full: in one process HTTP takes no more than the drain does, so only a pause keeps it so."""
    async with faucet(folder, url, queue_limit=QUEUE) as service:
        await pause_drain(service)
        ledger = await Ledger.open(ledger_of(service))
        await fill(ledger, "filler", QUEUE)
        await ledger.close()
        return await load(service.url + PATH, keys, "refused", seconds=seconds)


async def _offer(service: Faucet, keys: Path, registration_rate: float, times: int, seconds: int) -> Offer:
    """Offer so many `times` the pace."""
    connections = max(1, round(registration_rate * times * REST / 1000))
    waits: list[float] = []
    start = time.time()
    probing = asyncio.create_task(_probe(service, f"probe{times}", waits))
    url = service.url + PATH
    result = await load(url, keys, f"offer{times}", seconds=seconds, connections=connections, pause=REST)
    await end_tasks([probing])
    return Offer(times, result, goodput(service, start, time.time()), waits)


async def _probe(service: Faucet, tag: str, waits: list[float]) -> None:
    """Sign up, one after the other, and add to `waits` how long each that was accepted took."""
    for number in count():
        start = time.perf_counter()
        if (await service.sign_up(f"{tag}-{number}")).status == 200:
            waits.append((time.perf_counter() - start) * 1000)


def goodput(service: Faucet, start: float, end: float) -> float:
    """Accounts a second in the blocks between two times; 0 where there are not two blocks."""
    query = """
        SELECT max(registered_at), count(*) FROM jobs WHERE registered_at BETWEEN ? AND ?
        GROUP BY block_num ORDER BY block_num
    """
    blocks: list[tuple[float, int]] = query_ledger(service, query, start * 1000, end * 1000)
    if len(blocks) < 2:
        return 0.0
    # What is in the first came before it.
    return sum(jobs for _, jobs in blocks[1:]) * 1000 / (blocks[-1][0] - blocks[0][0])


def _of_offers(registration_rate: float, offers: list[Offer]) -> list[Figure]:
    return [
        Figure("what it accepts and registers for long", registration_rate, "/s", note="on the sink node; one process"),
        *(
            _goodput_figure(
                f"registered, {one.times} times that offered", one.goodput, so_far,
                f"accepted {one.load.rate:,.0f}/s, {one.load.others} others; a probe waited {_waits(one.waits)}",
                PLOT_OFFERED,
            )
            for one, so_far in zip(offers, _peaks([one.goodput for one in offers]), strict=True)
        ),
    ]  # fmt: skip


def _of_refusals(one: Load, accepting: Load) -> list[Figure]:
    count = one.statuses.get(503, 0)
    rate = count / one.seconds
    told_when = count > 0 and one.silent == 0
    share = f"ratio to accepting with as many connections; 50 %: {one.p50:.0f} ms, 99 %: {one.p99:.0f} ms"
    return [
        Figure("refused, queue full", rate, "/s", ratio=rate / accepting.rate, note=f"{share}; drain paused"),
        Figure("refused without Retry-After", one.silent, "", "0", met=told_when, note=f"of {count:,}"),
        Figure("queue full: neither 200 nor 503", one.others - count, "", "0", met=one.others == count),
        Figure("queue full: accepted", one.answered, "", "0", met=one.answered == 0),
    ]  # fmt: skip


def _waits(waits: list[float]) -> str:
    if len(waits) < 2:
        return "too few to tell"
    return f"{median(waits):.0f} ms at the median, {quantiles(waits, n=20)[18]:.0f} ms at 95 %"
