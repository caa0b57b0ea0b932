"""Accounts registered a second, from the ledger into a block, beside the predecessor's way in the same run."""

import asyncio
import contextlib
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.figure import Figure
from bench.processes import ledger_of
from chain.dial import dial
from chain.node import Node
from jobs.ledger import Ledger
from jobs.model import Limits, Signup
from tests.program import REGISTRAR_WIF, ROOT, Faucet, dev_chain, keys_of

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


@contextlib.asynccontextmanager
async def sink() -> AsyncIterator[str]:
    """The sink node, at the address that is given."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.sink", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    if process.stdout is None:
        raise AssertionError("a pipe was asked for")
    try:
        yield (await process.stdout.readline()).decode().split()[-1]
    finally:
        process.terminate()
        await process.wait()


async def drained(folder: Path, url: str, count: int, *, balance: str | None = None) -> float:
    """Accounts a second that a faucet at the node `url` registers of `count` that wait, and pays if there is a balance.

    Counted from the moment that the drain may begin to the last account in a block.
    """
    folder.mkdir()
    payment = {} if balance is None else {"enable_initial_balance": True, "initial_balance": float(balance)}
    service = Faucet(folder, {"witness_url": url, "registrar": "faucet", "wif": REGISTRAR_WIF, **payment})
    ledger = await Ledger.open(ledger_of(service))
    try:
        await ledger.pause("drain", by="bench", reason="Not yet.")
        await fill(ledger, folder.name, count, balance)
        await service.start()
        await _connected(service)
        began = time.monotonic()
        await ledger.resume("drain", by="bench")
        await ended(service, count, paid=balance is not None)
        return count / (time.monotonic() - began)
    finally:
        await service.stop()
        await ledger.close()


async def fill(ledger: Ledger, tag: str, count: int, balance: str | None = None) -> None:
    """Let `count` signups wait in the ledger."""
    limits, keys = Limits(None, 0, 10**9, balance), keys_of(tag)
    for first in range(0, count, 500):
        names = (f"{tag}-{number}" for number in range(first, min(count, first + 500)))
        await asyncio.gather(*(ledger.accept(Signup(name, **keys), limits) for name in names))


async def _connected(service: Faucet) -> None:
    while not (await service.fetch("/readyz")).body["checks"]["head"]["ok"]:
        """Asking is the waiting: the page has no event."""


async def ended(service: Faucet, count: int, *, paid: bool = False) -> None:
    """Return when `count` jobs are in a block, with their payments where they are `paid`."""
    states = "('funded', 'done')" if paid else "('registered', 'done')"
    with closing(sqlite3.connect(ledger_of(service))) as connection:
        query = f"SELECT sum(jobs) FROM job_counts WHERE state IN {states}"  # noqa: S608  # ours
        while connection.execute(query).fetchone()[0] < count:  # noqa: ASYNC110  # a file has no event
            await asyncio.sleep(0.05)


async def predecessor(url: str, count: int) -> float:
    """Accounts a second that the predecessor's way registers at the node `url`."""
    async with dial([url], timeout=5) as link:
        chain_id = await Node(link.call).chain_id()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.predecessor", url, chain_id, str(count), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    output, _ = await process.communicate()
    return count / float(output)
