"""Accounts registered a second, from the ledger into a block, beside the predecessor's way in the same run."""

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figure import Figure
from bench.processes import LOOK_INTERVAL, faucet, ledger_session, opened_ledger, pause_drain
from chain.node import Node
from chain.open_link import open_link
from jobs.ledger import Ledger
from jobs.model.job import Limits, Signup, State
from tests.harness.program import ROOT, Faucet, dev_chain, keys_of

COUNT = 20_000  #: accounts from a full queue
PAID = 5_000  #: … that get an initial balance too
BEFORE = 60  #: … the predecessor's way
BALANCE = "1.5"
PLOT = "Accounts registered a second"
#: A dozen accounts in a transaction, as on most chains.
CHAIN = ("--block-interval", "1", "--parameter", "maximum_transaction_size=2048")

AGAINST_PREDECESSOR = 15
OF_A_MACHINE = 120  #: accounts a second the predecessor's way, for which the targets are given
ON_SINK, ON_DEV_CHAIN = 2_000, 1_000


@dataclass(frozen=True)
class Paces:
    """Accounts a second at one node."""

    ours: float
    before: float


async def measure(size: float, folder: Path) -> list[Figure]:
    """The paces at a sink and at a dev chain, and with initial balances."""
    count, few = max(100, round(COUNT * size)), max(3, round(BEFORE * size))
    async with sink() as url:
        on_sink = Paces(await drained(folder / "sink", url, count), await predecessor(url, few))
        paying = await drained(folder / "paying", url, max(100, round(PAID * size)), balance=BALANCE)
    async with dev_chain(*CHAIN) as chain:
        on_chain = Paces(await drained(folder / "chain", chain.url, count), await predecessor(chain.url, few))
    return _figures(on_sink, on_chain, paying)


def _figures(on_sink: Paces, on_chain: Paces, paying: float) -> list[Figure]:
    times = on_sink.ours / on_sink.before
    scale = on_sink.before / OF_A_MACHINE
    scaled = f"where the predecessor's way makes {OF_A_MACHINE}"
    return [
        Figure("the predecessor's way, sink node", on_sink.before, "/s", plot=PLOT, note="signed by libsecp256k1"),
        Figure("the predecessor's way, dev chain", on_chain.before, "/s", plot=PLOT),
        Figure(
            "sink node", on_sink.ours, "/s", f"{AGAINST_PREDECESSOR} times the predecessor's way", times,
            times >= AGAINST_PREDECESSOR, "real wire, evaluates nothing", PLOT,
        ),
        Figure(
            "sink node, on a machine of that kind", on_sink.ours / scale, "/s", f"{ON_SINK:,}/s {scaled}",
            met=on_sink.ours / scale >= ON_SINK,
        ),
        Figure(
            "dev chain", on_chain.ours, "/s", f"{ON_DEV_CHAIN:,}/s {scaled}", on_chain.ours / on_sink.ours,
            on_chain.ours / scale >= ON_DEV_CHAIN, "ratio to the sink; the chain checks all, on the same cores", PLOT,
        ),
        Figure("sink node, with initial balances", paying, "/s", ratio=paying / on_sink.ours, plot=PLOT),
    ]  # fmt: skip


@dataclass(frozen=True)
class SinkProgram:
    """The sink node in a process of its own."""

    url: str
    pid: int


@contextlib.asynccontextmanager
async def sink() -> AsyncIterator[str]:
    """The sink node, at the address that is given."""
    async with sink_program() as program:
        yield program.url


@contextlib.asynccontextmanager
async def sink_program(cost: int = 0) -> AsyncIterator[SinkProgram]:
    """The sink node; an operation costs it so many microseconds of processor."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sink", "0", str(cost), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    if process.stdout is None:
        raise AssertionError("a pipe was asked for")
    try:
        yield SinkProgram((await process.stdout.readline()).decode().split()[-1], process.pid)
    finally:
        process.terminate()
        await process.wait()


async def drained(folder: Path, url: str, count: int, *, balance: str | None = None) -> float:
    """The pace of a faucet of its own at the node `url`, with `count` signups that wait."""
    payment: dict[str, Any] = (
        {} if balance is None else {"enable_initial_balance": True, "initial_balance": float(balance)}
    )
    async with faucet(folder, url, **payment) as service:
        await pause_drain(service)
        return await registration_rate(service, folder.name, count, balance=balance)


async def registration_rate(service: Faucet, tag: str, count: int, *, balance: str | None = None) -> float:
    """Accounts a second, of what waits at the paused drain of `service` and `count` more."""
    async with opened_ledger(service) as ledger:
        await fill(ledger, tag, count, balance)
        return await drain_rate(service, ledger, paid=balance is not None)


async def drain_rate(service: Faucet, ledger: Ledger, *, paid: bool = False) -> float:
    """Accounts a second, of what waits at the paused drain of `service`.

    Counted from the moment that the drain may begin to the last account in a block, with its payment if it is `paid`.
    """
    counts = await ledger.queries.counts()
    states = (State.FUNDED if paid else State.REGISTERED, State.DONE)
    began = time.monotonic()
    await ledger.operators.resume("drain", by="bench")
    await _ended(service, states, counts[State.QUEUED] + sum(counts[state] for state in states))
    return counts[State.QUEUED] / (time.monotonic() - began)


async def fill(ledger: Ledger, tag: str, count: int, balance: str | None = None) -> None:
    """Let `count` signups wait in the ledger."""
    limits, keys = Limits(10**9, initial_balance=balance), keys_of(tag)
    for first in range(0, count, 500):
        names = (f"{tag}-{number}" for number in range(first, min(count, first + 500)))
        await asyncio.gather(*(ledger.signups.accept(Signup(name, **keys), limits) for name in names))


async def _ended(service: Faucet, states: tuple[State, State], count: int) -> None:
    """Return when `count` jobs are in one of `states`."""
    query = "SELECT sum(jobs) FROM job_counts WHERE state IN (?, ?)"
    with ledger_session(service) as ask:
        while ask(query, *states)[0][0] < count:  # noqa: ASYNC110  # a file has no event
            await asyncio.sleep(LOOK_INTERVAL)


async def predecessor(url: str, count: int) -> float:
    """Accounts a second that the predecessor's way registers at the node `url`."""
    async with open_link([url], timeout=5) as link:
        chain_id = await Node(link.call).chain_id()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.predecessor", url, chain_id, str(count), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    output, _ = await process.communicate()
    return count / float(output)
