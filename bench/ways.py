"""What the limits cost that let the right people in, and what a flood from one network costs the others."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from bench.figure import Figure
from bench.load import PATH, Clients, Load, load, write_keys
from bench.processes import cpu_seconds, faucet, pause_drain
from bench.registering import sink
from tests.harness.program import Faucet

ROUNDS = 7  #: of all ways in turn; each ratio is that of neighbours, and the median counts
SECONDS = 5  #: of load in each
EACH = "2001:%x:%x::1"  #: clients that have a /48 each: none is ever refused
SAME = "2001:db8:1:%x:%x::1"  #: clients of one /48
APART = 5_000_000  #: clients from one load to the next
LIMITED = "the address limit alone"
#: What is configured for each way.
WAYS: Mapping[str, Mapping[str, Any]] = {
    LIMITED: {"limits": {}},
    "all limits": {},
}
WITHIN = 0.90  #: of accepting with the address limit alone
FLOOD = 100_000  #: addresses
OF_48 = 64  #: signups of a /48 in an hour, as configured by default
PROBES = 200


@dataclass
class Way:
    """A faucet with its limits."""

    name: str
    service: Faucet
    loads: list[Load] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  #: microseconds of processor a signup, of each load

    async def take(self, keys: Path, seconds: int) -> None:
        """Put one more load on it."""
        before, number = cpu_seconds(self.service.pid), len(self.loads)
        clients = Clients(EACH, APART * number)
        self.loads.append(await load(self.service.url + PATH, keys, f"way{number}", seconds=seconds, clients=clients))
        self.cpu.append((cpu_seconds(self.service.pid) - before) / self.loads[-1].answered * 1e6)


async def measure(size: float, folder: Path) -> list[Figure]:
    """Rates and processor times with the limits, in turn; then a flood from one /48."""
    rounds, seconds = max(2, round(ROUNDS * size)), max(1, round(SECONDS * size))
    keys = write_keys(folder / "keys")
    async with AsyncExitStack() as opened:
        node = await opened.enter_async_context(sink())
        ways = []
        for number, (name, settings) in enumerate(WAYS.items()):
            service = await opened.enter_async_context(limited(folder / f"{number}", node, **settings))
            await pause_drain(service)
            ways.append(Way(name, service))
        for _ in range(rounds):
            for way in ways:
                await way.take(keys, seconds)
    async with sink() as node:
        return [*_figures(*ways), *await _flooded(folder, node, keys, size)]


def limited(folder: Path, node: str, **settings: Any) -> AbstractAsyncContextManager[Faucet]:
    """A faucet that limits clients as it does by default."""
    return faucet(folder, node, **{"restrict_ip": True, **settings})


def _figures(base: Way, *others: Way) -> list[Figure]:
    figures = [_rate(base), *(_rate(way, base) for way in others)]
    refused = sum(load.others for way in (base, *others) for load in way.loads[1:])
    return [*figures, Figure("answers other than 200", refused, target="0", met=refused == 0)]


def _rate(way: Way, base: Way | None = None) -> Figure:
    rate, note = median(load.rate for load in way.loads), f"{median(way.cpu):.0f} µs of processor a signup"
    if base is None:
        return Figure(f"accepting, {way.name}", rate, "/s", note=note)
    # The first load of each warms it up.
    shares = [one.rate / other.rate for one, other in zip(way.loads[1:], base.loads[1:], strict=True)]
    costs = median(one / other for one, other in zip(way.cpu[1:], base.cpu[1:], strict=True))
    return Figure(
        f"accepting, {way.name}", rate, "/s", f"{WITHIN:.2f} of {base.name}", median(shares), median(shares) >= WITHIN,
        f"{note}, {costs:.2f} of that; every client has a /48 of its own",
    )  # fmt: skip


async def _flooded(folder: Path, node: str, keys: Path, size: float) -> list[Figure]:
    """Sign up from FLOOD addresses of one /48, while others sign up one after the other."""
    async with limited(folder / "flooded", node) as service:
        calm = await _probe(service, "calm", first=0, enough=max(10, round(PROBES * size)))
        sent: list[Load] = []
        flood = asyncio.create_task(_flood(service, keys, sent, max(1000, round(FLOOD * size))))
        amid = await _probe(service, "amid", first=APART, while_runs=flood)
        await flood
    taken, statuses = sum(load.answered for load in sent), set[int]().union(*(load.statuses for load in sent))
    others = sum(load.statuses.get(429, 0) for load in sent)
    right = taken == OF_48 and statuses == {200, 429}
    return [
        Figure(
            "a flood from one /48: accepted", taken, target=f"{OF_48}, as configured", met=right,
            note=f"{others:,} others were refused with 429",
        ),
        Figure(
            "others meanwhile: refused", amid.refused, target="0", met=amid.refused == 0,
            note=f"of {len(amid.waits) + amid.refused}; they waited {median(amid.waits):.1f} ms at the median, and "
            f"{median(calm.waits):.1f} ms before",
        ),
    ]  # fmt: skip


async def _flood(service: Faucet, keys: Path, sent: list[Load], addresses: int) -> None:
    while (already := sum(sum(load.statuses.values()) for load in sent)) < addresses:
        clients = Clients(SAME, already)
        sent.append(await load(service.url + PATH, keys, f"flood{len(sent)}", seconds=2, clients=clients))


@dataclass
class Probed:
    """What became of signups one after the other."""

    waits: list[float] = field(default_factory=list)  #: milliseconds until each was accepted
    refused: int = 0


async def _probe(
    service: Faucet, tag: str, *, first: int, enough: int | None = None, while_runs: asyncio.Task[None] | None = None
) -> Probed:
    """Sign up as clients that have a /48 each, until there are `enough`, or what runs is over."""
    found, loop = Probed(), asyncio.get_running_loop()
    for number in count(first):
        if number - first == enough or (while_runs is not None and while_runs.done()):
            return found
        began = loop.time()
        client = EACH % (number % 65536, number // 65536)
        reply = await service.sign_up(f"{tag}-{number}", headers={"X-Forwarded-For": client})
        if reply.status == 200:
            found.waits.append((loop.time() - began) * 1000)
        else:
            found.refused += 1
    raise AssertionError("it counts forever")
