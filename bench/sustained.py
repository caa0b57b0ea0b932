"""Signups for half a minute that are registered meanwhile: what server, load and node reach together on one machine."""

import os
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

from bench.accepting import AGAINST_BARE, FEW, MANY, Subject, ratio
from bench.figure import Figure, number
from bench.held import measure_held
from bench.interpreter import measure_interpreter
from bench.load import PATH, Load, load, write_keys
from bench.overload import goodput
from bench.processes import all_final, bare, faucet, opened_ledger, pause_drain
from bench.registering import SinkProgram, drain_rate, predecessor, sink_program
from bench.simultaneous import CROWD, answer_figures, ask_at_once, last_registered
from bench.usage import Thread, Usage, names_of, taken, usages
from commands.processes import raise_file_limit
from tests.harness.program import Faucet

SECONDS = 30  #: of each sustained load
ALONE = 8  #: … of each load while the drain is paused
ROUNDS = 3  #: of bare, one and two with the drain paused
FEWEST = 4  #: seconds of a sustained load, so that there are blocks to count
NODE_COST = 150  #: microseconds of processor that a real node takes for an operation
BEFORE = 500  #: accounts the predecessor's way: each takes some milliseconds

OF_A_MACHINE = 136  #: accounts a second the predecessor's way, for which the rates are given
RATES = {"one": 2_700, "two": 3_000}  #: on the sink that costs as a node, with FEW connections
SLOWEST = 100.0  #: milliseconds within which 99 % are answered
OF_ALLOWED = 0.90  #: of what the processor times allow
OF_BARE_DRAINING = 0.35  #: of the bare handler, beside the embedded dev chain
COST_OF_TWO = 1.1  #: of the processor time that one process takes for a signup
LAST_ACCOUNT = 10.0  #: seconds to the last account of a crowd
PLOT = "Signups accepted and registered a second, the node at {} µs an operation"


@dataclass(frozen=True)
class Run:
    """A load that was registered meanwhile."""

    load: Load
    registered: float  #: accounts a second in the blocks meanwhile
    lag: float  #: seconds from its end to the last account
    usages: dict[str, Usage]  #: by process and thread, of server and node

    @property
    def rate(self) -> float:
        """Signups a second that were accepted and registered."""
        return min(self.load.rate, self.registered)

    @property
    def each(self) -> dict[str, float]:
        """Microseconds of processor a signup, by process and thread, the load too."""
        share = 1e6 / max(1, self.load.answered)
        used = {name: usage.cpu * share for name, usage in self.usages.items()}
        return {**used, "wrk": self.load.cpu * self.load.seconds * share}

    @property
    def allowed(self) -> float:
        """Signups a second that all cores could serve by these times."""
        return (os.cpu_count() or 1) * 1e6 / sum(self.each.values())


@dataclass
class Contestant:
    """A faucet, and its sink: another faucet there would read all of its blocks, too."""

    node: SinkProgram
    accepting: list[Subject]  #: by connections
    predecessor: float = 0.0  #: accounts a second the predecessor's way, just before
    registering: float = 0.0  #: … of what waited
    runs: list[Run] = field(default_factory=list)  #: by connections

    @property
    def service(self) -> Faucet:
        """The faucet itself."""
        if (service := self.accepting[0].service) is None:
            raise AssertionError("the bare handler registers nobody")
        return service


async def measure(size: float, folder: Path) -> list[Figure]:
    """Rates, latencies and costs at both sinks; beside the embedded dev chain; of replies that are held; of a crowd."""
    raise_file_limit()
    keys = write_keys(folder / "keys")
    figures = []
    for cost in (NODE_COST, 0):
        figures += await _at(cost, size, folder / str(cost), keys)
    figures.append(await _beside_dev_chain(folder / "embedded", keys, max(1, round(ALONE * 2 * size))))
    return [*figures, *await measure_held(size, folder / "held", keys), *await _crowd(size, folder / "crowd", keys)]


async def _at(cost: int, size: float, folder: Path, keys: Path) -> list[Figure]:
    seconds = max(FEWEST, round(SECONDS * size))
    async with AsyncExitStack() as opened:
        base = [Subject("bare", await opened.enter_async_context(bare()), connections=many) for many in (FEW, MANY)]
        contestants = []
        for name, workers in (("one", 1), ("two", 2)):
            node = await opened.enter_async_context(sink_program(cost))
            service = await opened.enter_async_context(faucet(folder / name, node.url, workers=workers))
            first = Subject(name, service.url + PATH, service)
            subjects = [replace(first, connections=many, loads=[], cpu=[]) for many in (FEW, MANY)]
            contestants.append(Contestant(node, subjects))
        await _accept_alone(base, contestants, keys, size)
        for contestant in contestants:
            contestant.predecessor = await predecessor(contestant.node.url, max(3, round(BEFORE * size)))
            await _register(contestant, keys, seconds)
        figures = [figure for each in contestants for figure in _figures(each, cost)]
        if cost:
            figures += _of_accepting(base, *contestants)
            figures += await measure_interpreter(contestants[0].service, folder / "stacks", keys, seconds)
    return figures


async def _accept_alone(base: list[Subject], contestants: list[Contestant], keys: Path, size: float) -> None:
    """Put loads on all in turn, while nothing is registered."""
    for contestant in contestants:
        await pause_drain(contestant.service)
        await load(contestant.accepting[0].url, keys, "warm", seconds=1)
    for _ in range(max(1, round(ROUNDS * size))):
        for subject in (
            subject for subjects in (base, *(each.accepting for each in contestants)) for subject in subjects
        ):
            await subject.take(keys, max(1, round(ALONE * size)))


async def _register(contestant: Contestant, keys: Path, seconds: int) -> None:
    """What waited, with nothing to accept; then what comes."""
    async with opened_ledger(contestant.service) as ledger:
        contestant.registering = await drain_rate(contestant.service, ledger)
    for subject in contestant.accepting:
        await all_final(contestant.service)
        many = subject.connections
        contestant.runs.append(
            await sustained(
                contestant.service, contestant.node, keys, f"{subject.name}{many}", seconds=seconds, connections=many
            )
        )


async def sustained(
    service: Faucet, node: SinkProgram, keys: Path, tag: str, *, seconds: int, connections: int = FEW
) -> Run:
    """Signups for so many seconds, from so many connections, until all are accounts."""
    before, start = _threads(service, node), time.time()
    result = await load(service.url + PATH, keys, tag, seconds=seconds, connections=connections)
    end = time.time()
    lag = max(0.0, await last_registered(service) - end)
    used = taken(before, _threads(service, node))
    return Run(result, goodput(service, start, end), lag, _by_name(used, await names_of(used)))


def _threads(service: Faucet, node: SinkProgram) -> dict[Thread, Usage]:
    return usages(service.pid) | usages(node.pid)


def _by_name(used: dict[Thread, Usage], names: dict[Thread, str]) -> dict[str, Usage]:
    """What threads took, those of one name together."""
    sums: dict[str, Usage] = {}
    for thread, usage in used.items():
        sums[names[thread]] = sums.get(names[thread], Usage()) + usage
    return sums


def _figures(contestant: Contestant, cost: int) -> list[Figure]:
    return [
        figure
        for subject, run in zip(contestant.accepting, contestant.runs, strict=True)
        for figure in _of_run(contestant, subject, run, cost)
    ]


def _of_run(contestant: Contestant, subject: Subject, run: Run, cost: int) -> list[Figure]:
    before = contestant.predecessor
    alone = subject.middle("rate")
    slower = min(alone, contestant.registering)
    who = f"node at {cost} µs, {subject.name}, {subject.connections} connections"
    rates = (
        f"accepted {number(run.load.rate)}/s, registered {number(run.registered)}/s; ratio to the slower of accepting "
        f"alone, {number(alone)}/s, and registering alone, {number(contestant.registering)}/s; "
        f"{run.load.others} other answers"
    )
    target, met = _rate_target(subject, run, cost, before)
    used = sum(run.usages.values(), Usage())
    answered = max(1, run.load.answered)
    return [
        Figure(f"{who}: both", run.rate, "/s", target, run.rate / slower, met, rates, PLOT.format(cost)),
        Figure(f"{who}: of the predecessor's way", run.rate / before, "", note=f"{number(before)}/s at this node"),
        _of_allowed(who, run, aimed=bool(target)),
        _slowest(who, run.load, few=subject.connections == FEW),
        Figure(f"{who}: last account after the load", run.lag, "s", note="blocks come each second"),
        Figure(f"{who}: processor time a signup", sum(run.each.values()), "µs", note=_each(run)),
        Figure(f"{who}: changes of context a signup", used.switches / answered, "", note=_waited(used, answered)),
    ]


def _rate_target(subject: Subject, run: Run, cost: int, before: float) -> tuple[str, bool | None]:
    if not cost or subject.connections != FEW:
        return "", None
    target = RATES[subject.name]
    sentence = f"{target:,}/s where the predecessor's way makes {OF_A_MACHINE}"
    return sentence, run.rate * OF_A_MACHINE / before >= target


def _of_allowed(who: str, run: Run, *, aimed: bool) -> Figure:
    share = run.rate / run.allowed
    note = "ratio to what all cores could serve by the processor times of server, node and load"
    if not aimed:
        return Figure(f"{who}: allowed", run.allowed, "/s", ratio=share, note=note)
    target = f"{OF_ALLOWED:.2f} of the processor times"
    return Figure(f"{who}: allowed", run.allowed, "/s", target, share, share >= OF_ALLOWED, note)


def _slowest(who: str, result: Load, *, few: bool) -> Figure:
    note = f"50 %: {result.p50:.1f} ms, 95 %: {result.p95:.1f} ms"
    if not few:
        return Figure(f"{who}: 99 % answered within", result.p99, "ms", note=note)
    return Figure(
        f"{who}: 99 % answered within", result.p99, "ms", f"{SLOWEST:.0f} ms", met=result.p99 <= SLOWEST, note=note
    )


def _waited(used: Usage, answered: int) -> str:
    return f"of server and node, whose threads waited {used.waited / answered * 1e6:.0f} µs a signup for a core"


def _each(run: Run) -> str:
    costly = sorted(run.each.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {cost:.0f}" for name, cost in costly if cost >= 1)


def _of_accepting(base: list[Subject], one: Contestant, two: Contestant) -> list[Figure]:
    """Accepting alone: of the bare handler, and what it costs two processes."""
    own = ratio(one.accepting[0].loads, base[0].loads)
    return [
        Figure(f"bare Tornado handler, {FEW} connections", base[0].middle("rate"), "/s"),
        Figure(
            f"accepting, one process, {FEW} connections", one.accepting[0].middle("rate"), "/s",
            f"{AGAINST_BARE:.2f} of the bare handler", own, own >= AGAINST_BARE, "drain paused",
        ),
        *(_cost_of_two(*subjects) for subjects in zip(one.accepting, two.accepting, strict=True)),
    ]  # fmt: skip


def _cost_of_two(one: Subject, two: Subject) -> Figure:
    more = median(b / a for a, b in zip(_costs(one), _costs(two), strict=True))
    return Figure(
        f"accepting, --workers 2, {two.connections} connections: processor time a signup", two.cpu_each, "µs",
        f"{COST_OF_TWO} of one process", more, more <= COST_OF_TWO, f"one process: {one.cpu_each:.0f} µs",
    )  # fmt: skip


def _costs(subject: Subject) -> list[float]:
    return [cpu / result.answered for cpu, result in zip(subject.cpu, subject.loads, strict=True)]


async def _beside_dev_chain(folder: Path, keys: Path, seconds: int) -> Figure:
    """Accepting while draining on the embedded dev chain, beside the bare handler."""
    async with bare() as url, faucet(folder, "devchain") as service:
        await load(service.url + PATH, keys, "warm", seconds=1)
        base = Subject("bare", url)
        await base.take(keys, seconds)
        result = await load(service.url + PATH, keys, "embedded", seconds=seconds)
    share = result.rate / base.middle("rate")
    return Figure(
        f"accepting while draining on the embedded dev chain, {FEW} connections", result.rate, "/s",
        f"{OF_BARE_DRAINING:.2f} of the bare handler", share, share >= OF_BARE_DRAINING,
        f"99 %: {result.p99:.0f} ms; {result.others} other answers",
    )  # fmt: skip


async def _crowd(size: float, folder: Path, keys: Path) -> list[Figure]:
    """Twenty thousand at once, with two workers, at the sink that costs as a node."""
    crowd = max(100, int(CROWD * size))
    async with sink_program(NODE_COST) as node, faucet(folder, node.url, workers=2) as service:
        answers = await ask_at_once(service.url, keys, crowd)
        seconds = await last_registered(service) - answers.began
    return [
        *answer_figures(f"{crowd:,} at once", crowd, answers),
        Figure(
            f"{crowd:,} at once: last account after", seconds, "s", f"{LAST_ACCOUNT:.0f} s",
            met=seconds <= LAST_ACCOUNT, note=f"--workers 2, node at {NODE_COST} µs",
        ),
    ]  # fmt: skip
