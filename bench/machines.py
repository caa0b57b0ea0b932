"""A ledger in PostgreSQL beside one in SQLite, and several faucets on it beside one."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from bench.accepting import Subject, ratio
from bench.database import postgresql
from bench.figure import Figure
from bench.load import PATH, load, write_keys
from bench.processes import cpu_seconds, faucet, opened_ledger, pause_drain, settings_for
from bench.registering import drain_rate, fill, sink
from tests.harness.postgresql import Server
from tests.harness.program import Faucet, Program

ROUNDS = 5  #: of each pair, in turn; each ratio is that of neighbours, and the median counts
SECONDS = 5  #: of load in each
CONNECTIONS = 66  #: in all, also where several processes share them
COUNT = 20_000  #: accounts from a full queue, in a round
FIRST = 1_000  #: … before the first, to warm up
HTTP = 3  #: processes that serve HTTP beside the chain's owner

ACCEPTING, REGISTERING = 0.75, 0.70  #: of SQLite's
COSTS = "all of its processes, and the database's"


async def measure(size: float, folder: Path) -> list[Figure]:
    """Ratios of accepting and registering to those of SQLite, and of three processes that serve HTTP to one."""
    keys = write_keys(folder / "keys")
    with postgresql() as server:
        async with sink() as node:
            figures = await _accepting(size, folder, node, keys, server)
            figures += await _serving(size, folder, node, keys, server)
        figures += await _registering(size, folder, server)
    return figures


def rounds(size: float) -> int:
    """How often each pair is measured."""
    return max(1, round(ROUNDS * size))


def seconds(size: float) -> int:
    """Of load in each round."""
    return max(1, round(SECONDS * size))


async def _accepting(size: float, folder: Path, node: str, keys: Path, server: Server) -> list[Figure]:
    figures = []
    for workers, name in ((1, "one process"), (2, "--workers 2")):
        async with (
            faucet(folder / f"sqlite{workers}", node, workers=workers) as one,
            faucet(folder / f"postgresql{workers}", node, workers=workers, ledger=new_ledger(server)) as other,
        ):
            pair = [
                Subject(f"s{workers}", one.url + PATH, one, CONNECTIONS),
                Subject(f"p{workers}", other.url + PATH, other, CONNECTIONS, server.pid),
            ]
            for subject, service in zip(pair, (one, other), strict=True):
                await pause_drain(service)
                await load(subject.url, keys, "warm", seconds=1)
            for _ in range(rounds(size)):
                for subject in pair:
                    await subject.take(keys, seconds(size))
        figures += _compared(name, *pair)
    return figures


def _compared(name: str, sqlite: Subject, postgresql: Subject) -> list[Figure]:
    reached = ratio(postgresql.loads, sqlite.loads)
    others = sum(load.others for load in sqlite.loads + postgresql.loads)
    rates = f"{sqlite.middle('rate'):,.0f}/s on SQLite"
    costs = f"{sqlite.cpu_each:.0f} µs on SQLite; {COSTS}"
    return [
        Figure(
            f"accepting on PostgreSQL, {name}", postgresql.middle("rate"), "/s", f"{ACCEPTING:.2f} of SQLite's",
            reached, reached >= ACCEPTING, f"{rates}; {CONNECTIONS} connections, drain paused",
        ),
        Figure(
            f"processor time a signup, PostgreSQL, {name}", postgresql.cpu_each, "µs",
            ratio=postgresql.cpu_each / sqlite.cpu_each, note=costs,
        ),
        Figure(f"answers other than 200, {name}", others, "", "0", met=others == 0),
    ]  # fmt: skip


async def _serving(size: float, folder: Path, node: str, keys: Path, server: Server) -> list[Figure]:
    """One process that serves HTTP and three, each beside a chain's owner of its own."""
    rates: dict[int, list[float]] = {1: [], HTTP: []}
    async with AsyncExitStack() as opened:
        groups = {
            count: await opened.enter_async_context(_machines(folder / f"http{count}", node, count, new_ledger(server)))
            for count in rates
        }
        for number in range(-1, rounds(size)):
            for count, urls in groups.items():
                rate = await _rate_of(urls, keys, number, seconds(size) if number >= 0 else 1)
                rates[count] += [rate] if number >= 0 else []
    reached = median(more / one for more, one in zip(rates[HTTP], rates[1], strict=True))
    return [
        Figure(
            f"accepting, {HTTP} HTTP processes beside the chain's owner", median(rates[HTTP]), "/s",
            "no less than one", reached, reached >= 1,
            f"{median(rates[1]):,.0f}/s by one; {CONNECTIONS} connections in all, drain paused",
        )
    ]  # fmt: skip


@contextlib.asynccontextmanager
async def _machines(folder: Path, node: str, count: int, ledger: str) -> AsyncIterator[list[str]]:
    """The addresses of `count` faucets that serve HTTP only, beside one that owns the chain, its drain paused."""
    async with AsyncExitStack() as opened:
        await opened.enter_async_context(_owner(folder / "owner", node, ledger))
        https = [
            await opened.enter_async_context(faucet(folder / f"{place}", node, role="http", ledger=ledger))
            for place in range(count)
        ]
        await pause_drain(https[0])
        yield [service.url + PATH for service in https]


async def _rate_of(urls: list[str], keys: Path, number: int, seconds: int) -> float:
    """Signups accepted a second, of connections shared by all of `urls`."""
    loads = [
        load(url, keys, f"h{len(urls)}{place}-{number}", seconds=seconds, connections=CONNECTIONS // len(urls))
        for place, url in enumerate(urls)
    ]
    return sum(result.rate for result in await asyncio.gather(*loads))


@contextlib.asynccontextmanager
async def _owner(folder: Path, node: str, ledger: str) -> AsyncIterator[Program]:
    """A faucet that owns the chain, and serves no HTTP."""
    folder.mkdir(parents=True)
    service = Faucet(folder, {**settings_for(node), "ledger": ledger})
    program = await Program.start("serve", "--config", str(service.config), "--role", "chain", log=folder / "log")
    try:
        yield program
    finally:
        await program.stop()


@dataclass
class Registrar:
    """A faucet on a sink of its own."""

    service: Faucet
    database: int | None  #: process of the server that holds its ledger
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  #: microseconds of processor an account

    async def take(self, tag: str, count: int) -> None:
        """Register `count` accounts from a full queue."""
        await pause_drain(self.service)
        async with opened_ledger(self.service) as ledger:
            await fill(ledger, tag, count)
            before = self._cpu()
            self.rates.append(await drain_rate(self.service, ledger))
        self.cpu.append((self._cpu() - before) / count * 1e6)

    def _cpu(self) -> float:
        database = 0.0 if self.database is None else cpu_seconds(self.database)
        return cpu_seconds(self.service.pid) + database


async def _registering(size: float, folder: Path, server: Server) -> list[Figure]:
    async with AsyncExitStack() as opened:
        pair = []
        places = {"sqlite": str(folder / "registering.db"), "postgresql": new_ledger(server)}
        for name, ledger in places.items():
            node = await opened.enter_async_context(sink())
            service = await opened.enter_async_context(faucet(folder / name, node, ledger=ledger))
            pair.append(Registrar(service, server.pid if name == "postgresql" else None))
        for each in pair:
            await each.take("warm", FIRST)
        for number in range(rounds(size)):
            for each in pair:
                await each.take(f"round-{number}", max(100, round(COUNT * size)))
    return _paces(*pair)


def _paces(sqlite: Registrar, postgresql: Registrar) -> list[Figure]:
    old, new = sqlite.rates[1:], postgresql.rates[1:]
    reached = median(later / earlier for later, earlier in zip(new, old, strict=True))
    costs = [median(each.cpu[1:]) for each in (sqlite, postgresql)]
    return [
        Figure(
            "registering on PostgreSQL", median(new), "/s", f"{REGISTERING:.2f} of SQLite's", reached,
            reached >= REGISTERING, f"{median(old):,.0f}/s on SQLite; sink node",
        ),
        Figure(
            "processor time an account, PostgreSQL", costs[1], "µs", ratio=costs[1] / costs[0],
            note=f"{costs[0]:.0f} µs on SQLite; {COSTS}",
        ),
    ]  # fmt: skip


def new_ledger(server: Server) -> str:
    """Where a ledger can be made."""
    return server.url(server.new_schema())
