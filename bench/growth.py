"""What a ledger of millions costs: accepting, draining and looking up, beside an empty one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.figure import Figure, number
from bench.load import PATH, Clients, load, write_keys
from bench.million import make_ledger
from bench.processes import faucet, pause_drain, query_ledger
from bench.registering import registration_rate, sink
from tests.harness.program import Faucet

JOBS = (0, 1_000_000, 10_000_000)
ROUNDS = 3  #: of all ledgers in turn; each ratio is that of neighbours, and the median counts
LOOKS = 300  #: in a round
DRAINED = 10_000  #: in a round, beside what was accepted in it; blocks come each second, so it must last for some
SECONDS = 3  #: of load in a round
MAX_GROWTH = 1.25

#: Each figure: the attribute with its seconds, and its unit.
WHAT = {
    "accepting": ("accepting", "/s"),
    "draining": ("draining", "/s"),
    "looking up a job": ("job", "ms"),
    "looking up a name": ("name", "ms"),
}


@dataclass(frozen=True)
class Taken:
    """What one round took, each in seconds."""

    accepting: float  #: a signup
    draining: float  #: an account
    job: float  #: to look one up
    name: float  #: … whether it is free


@dataclass
class Grown:
    """A faucet whose ledger had so many jobs and names when it started."""

    count: int
    service: Faucet
    clients: Clients = field(default_factory=Clients)
    rounds: list[Taken] = field(default_factory=list)

    async def take(self, keys: Path, size: float) -> None:
        """Measure one more round. The drain stands still but for its own measure."""
        tag = f"grown{self.count}-{len(self.rounds)}"
        await pause_drain(self.service)
        seconds = max(1, round(SECONDS * size))
        accepted = await load(self.service.url + PATH, keys, tag, seconds=seconds, clients=self.clients)
        known = self._spread(max(20, round(LOOKS * size)))
        job = await self._time_of(f"/api/v1/jobs/{job_id}" for job_id, _ in known)
        name = await self._time_of(f"/api/v1/accounts/{name}" for _, name in known)
        draining = await registration_rate(self.service, f"{tag}-drained", max(100, round(DRAINED * size)))
        self.rounds.append(Taken(1 / accepted.rate, 1 / draining, job, name))

    def _spread(self, samples: int) -> list[tuple[str, str]]:
        """Ids and names of jobs, each far from the one before."""
        last = query_ledger(self.service, "SELECT max(number) FROM jobs")[0][0]
        numbers = (sample * 7_919 * (last // samples + 1) % last + 1 for sample in range(samples))
        query = "SELECT id, name FROM jobs WHERE number >= ? ORDER BY number LIMIT 1"
        return [query_ledger(self.service, query, place)[0] for place in numbers]

    async def _time_of(self, paths: Iterable[str]) -> float:
        """Seconds to an answer, at the median."""
        result = []
        for path in paths:
            began = time.perf_counter()
            await self.service.fetch(path)
            result.append(time.perf_counter() - began)
        return median(result)


async def measure(size: float, folder: Path) -> list[Figure]:
    """The same of each ledger, in turn, and how many times slower the large ones are."""
    places = {}
    for count in (round(jobs * size) for jobs in JOBS):
        (folder / f"{count}").mkdir()
        places[count] = str(folder / f"{count}" / "faucet.db")
        await asyncio.to_thread(make_ledger, Path(places[count]), count, now=time.time())
    return await compared(size, folder, places)


async def compared(
    size: float, folder: Path, places: Mapping[int, str], let_in: Callable[[Faucet], Awaitable[Clients]] | None = None
) -> list[Figure]:
    """Of ledgers with so many jobs, the smallest first, each where it is; signups come as those whom each lets in."""
    keys = write_keys(folder / "keys")
    async with AsyncExitStack() as opened:
        ledgers = []
        for count, place in places.items():
            node = await opened.enter_async_context(sink())
            service = await opened.enter_async_context(faucet(folder / f"{count}", node, ledger=place))
            ledgers.append(Grown(count, service, Clients() if let_in is None else await let_in(service)))
        for ledger in ledgers:
            await load(ledger.service.url + PATH, keys, f"warm{ledger.count}", seconds=1)
        for _ in range(max(1, round(ROUNDS * size))):
            for ledger in ledgers:
                await ledger.take(keys, size)
    empty, *grown = ledgers
    return [_figure(what, one, empty) for one in grown for what in WHAT]


def _figure(what: str, one: Grown, empty: Grown) -> Figure:
    attribute, unit = WHAT[what]
    now, then = ([float(getattr(result, attribute)) for result in ledger.rounds] for ledger in (one, empty))
    times = median(grown / small for grown, small in zip(now, then, strict=True))
    value, before = (1 / median(result) if unit == "/s" else median(result) * 1000 for result in (now, then))
    note = f"{number(before)} {unit} with none at first; the ratio says how many times slower"
    return Figure(f"{what}, {one.count:,} jobs", value, unit, f"within {MAX_GROWTH}", times, times <= MAX_GROWTH, note)
