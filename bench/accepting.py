"""Signups accepted a second, every check made and every one on disk, beside a bare Tornado handler."""

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from statistics import median

from bench.alone import measure_alone
from bench.figure import Figure
from bench.load import CONNECTIONS, PATH, Load, load, write_keys
from bench.processes import bare, cpu_seconds, faucet, pause_drain, query_ledger
from tests.harness.program import Faucet, dev_chain

ROUNDS = 5  #: of bare, one, two; each ratio is that of neighbours, and the median counts
SECONDS = 8  #: of load in each
#: Connections. Each posts its next signup only when the last is answered, so a few wait for one commit all together,
#: and the server for them; of many some are always ready.
FEW, MANY = CONNECTIONS, 256
PLOT = "Signups accepted a second, by connections"

AGAINST_BARE = 0.70
AGAINST_ONE = 1.6


@dataclass
class Subject:
    """A server that loads are put on in turn."""

    name: str
    url: str
    service: Faucet | None = None  #: None of the bare handler
    connections: int = FEW
    database: int | None = None  #: process of the server that holds its ledger
    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  #: seconds of each load

    async def take(self, keys: Path, seconds: int) -> None:
        """Put one more load on it."""
        before = self._cpu()
        tag = f"{self.name}{self.connections}-{len(self.loads)}"
        self.loads.append(await load(self.url, keys, tag, seconds=seconds, connections=self.connections))
        self.cpu.append(self._cpu() - before)

    def _cpu(self) -> float:
        pids = [] if self.service is None else [self.service.pid]
        pids += [] if self.database is None else [self.database]
        return sum((cpu_seconds(pid) for pid in pids), 0.0)

    def middle(self, attribute: str) -> float:
        """The median of what the loads say."""
        return median(float(getattr(load, attribute)) for load in self.loads)

    @property
    def cpu_each(self) -> float:
        """Microseconds of processor that a signup cost, all processes of the server together."""
        return median(cpu / load.answered * 1e6 for cpu, load in zip(self.cpu, self.loads, strict=True))

    @property
    def cores(self) -> float:
        """Cores that server and load took."""
        return self.cpu_each * self.middle("rate") / 1e6 + self.middle("cpu")


Crowds = Sequence[Sequence[Subject]]  #: the bare handler, one process and two, with few and with many connections


async def measure(size: float, folder: Path) -> list[Figure]:
    """Rates, latencies and ratios of one process and of two workers; then what a signup alone takes."""
    rounds, seconds = max(1, round(ROUNDS * size)), max(1, round(SECONDS * size))
    keys = write_keys(folder / "keys")
    async with AsyncExitStack() as opened:
        node = await opened.enter_async_context(dev_chain("--block-interval", "1"))
        subjects = [Subject("bare", await opened.enter_async_context(bare()))]
        for name, workers in (("one", 1), ("two", 2)):
            service = await opened.enter_async_context(faucet(folder / name, node.url, workers=workers))
            await pause_drain(service)
            subjects.append(Subject(name, service.url + PATH, service))
        for subject in subjects:
            await load(subject.url, keys, "warm", seconds=1)
        crowds = [
            [replace(subject, connections=many, loads=[], cpu=[]) for subject in subjects] for many in (FEW, MANY)
        ]
        for _ in range(rounds):
            for subject in chain.from_iterable(crowds):
                await subject.take(keys, seconds)
        figures = [figure for crowd in crowds for figure in _figures(*crowd)]
        figures += [_others(crowds), _on_disk(crowds)]
        figures.append(await _while_draining(folder, node.url, keys, seconds * 2, crowds[0][1]))
    return [*figures, *await measure_alone(size, folder)]


def _figures(base: Subject, one: Subject, two: Subject) -> list[Figure]:
    own, more = ratio(one.loads, base.loads), ratio(two.loads, one.loads)
    cores = os.cpu_count() or 1
    # Supervisor and chain's owner want little; with two workers and the load three cores must be there.
    took = f"all processes and the load took {two.cores:.2f} of {cores} cores; one process and its load {one.cores:.2f}"
    crowd = f"{base.connections} connections"
    targets = f"{AGAINST_BARE:.2f} of the bare handler", f"{AGAINST_ONE} of one process, where cores allow"
    return [
        Figure(f"bare Tornado handler, {crowd}", base.middle("rate"), "/s", note=_latencies(base), plot=PLOT),
        Figure(
            f"accepting, one process, {crowd}", one.middle("rate"), "/s", targets[0], own, own >= AGAINST_BARE,
            f"{_latencies(one)}; drain paused", PLOT,
        ),
        Figure(
            f"accepting, --workers 2, {crowd}", two.middle("rate"), "/s", targets[1], more, more >= AGAINST_ONE,
            f"{_latencies(two)}; {took}", PLOT,
        ),
        *(_cost(subject) for subject in (one, two)),
        *(_share(subject) for subject in (base, one, two)),
    ]  # fmt: skip


def ratio(loads: Sequence[Load], bases: Sequence[Load]) -> float:
    """The median of the rates' ratios to those measured beside them."""
    return median(load.rate / base.rate for load, base in zip(loads, bases, strict=True))


def _latencies(subject: Subject) -> str:
    texts = (f"{share} %: {subject.middle(f'p{share}'):.1f} ms" for share in (50, 95, 99))
    return ", ".join(texts)


def _cost(subject: Subject) -> Figure:
    what = f"processor time a signup, {subject.name}, {subject.connections} connections"
    return Figure(what, subject.cpu_each, "µs", note="all of its processes")


def _share(subject: Subject) -> Figure:
    """Whether the load was the limit: wrk has one thread, so it could take a whole core."""
    share = subject.middle("cpu") * 100
    what = f"the load's share of a core, {subject.name}, {subject.connections} connections"
    return Figure(what, share, "%", "50 %", met=share <= 50)


def _others(crowds: Crowds) -> Figure:
    others = sum(load.others for subject in chain.from_iterable(crowds) for load in subject.loads)
    return Figure("answers other than 200", others, "", "0", met=others == 0)


def _on_disk(crowds: Crowds) -> Figure:
    """Signups that were answered 200 and are not in the ledger."""
    missing = 0
    for few, many in zip(*crowds, strict=True):
        answered = sum(load.answered for load in few.loads + many.loads)
        if few.service is not None:
            missing += max(0, answered - jobs_in(few.service))
    return Figure("answered 200 and not in the ledger", missing, "", "0", met=missing == 0)


def jobs_in(service: Faucet, condition: str = "TRUE") -> int:
    """How many jobs of the bench its ledger holds."""
    query = f"SELECT count(*) FROM jobs WHERE name NOT LIKE 'bench-warm-%' AND {condition}"
    return int(query_ledger(service, query)[0][0])


async def _while_draining(folder: Path, chain_url: str, keys: Path, seconds: int, one: Subject) -> Figure:
    async with faucet(folder / "draining", chain_url) as service:
        await load(service.url + PATH, keys, "warm", seconds=1)
        result = await load(service.url + PATH, keys, "drain", seconds=seconds)
        registered = jobs_in(service, "registered_at IS NOT NULL")
    return Figure(
        f"accepting, one process, while draining, {FEW} connections", result.rate, "/s",
        ratio=result.rate / one.middle("rate"),
        note=f"ratio to the paused drain; {registered:,} were accounts meanwhile, on a dev chain of the same cores",
        plot=PLOT,
    )  # fmt: skip
