"""What the faucet reaches on this machine, beside what it must reach."""

import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.table import Table
from tornado.httpclient import AsyncHTTPClient

from bench.figure import Figure
from bench.pages import measure_pages
from tests.books import read_books
from tests.chainside import chain_side
from tests.program import DevChainProgram, Faucet, on_chain, start_dev_chain

SINGLE = 200  #: signups one after the other
CROWD = 1000  #: signups of the crowd
AT_ONCE = 50  #: of them posted side by side


@asynccontextmanager
async def running() -> AsyncIterator[tuple[DevChainProgram, Faucet]]:
    """A faucet as configured by default, on a dev chain with a block a second."""
    chain = await start_dev_chain("--block-interval", "1")
    with tempfile.TemporaryDirectory() as folder:
        service = Faucet(Path(folder), {**on_chain(chain.url), "drain_interval": 1.0, "log_level": "warning"})
        await service.start()
        try:
            while (await service.fetch("/readyz")).status != 200:
                """Asking is the waiting."""
            yield chain, service
        finally:
            await service.stop()
            await chain.stop()


async def measure_single() -> list[Figure]:
    """Answers to signups that come alone, and how many blocks they take."""
    async with running() as (chain, service):
        seconds = []
        for number in range(SINGLE):
            start = time.perf_counter()
            await service.sign_up(f"single-{number}")
            seconds.append(time.perf_counter() - start)
        blocks = [await blocks_taken(chain, service, f"later-{number}") for number in range(5)]
    median = statistics.median(seconds) * 1000
    tail = statistics.quantiles(seconds, n=100)[98] * 1000
    return [
        Figure("a signup's answer, median", f"{median:.1f} ms (99 %: {tail:.1f} ms)", "10 ms", median <= 10),
        Figure("in a block, blocks after the head at its answer", f"at most {max(blocks)}", "2", max(blocks) <= 2),
    ]


async def blocks_taken(chain: DevChainProgram, service: Faucet, name: str) -> int:
    """How many blocks after the head at the answer the account comes."""
    reply = await service.sign_up(name)
    head = await chain.node.head()
    job = await service.job(reply.body["job"]["id"], until=("registered", "done"))
    return int(job["block_num"]) - head.number


async def measure_crowd() -> list[Figure]:
    """A thousand signups, fifty side by side, until all are accounts."""
    async with running() as (chain, service):
        names = [f"crowd-{number}" for number in range(CROWD)]
        start = time.perf_counter()
        await in_turns(names, service.sign_up)
        answered = time.perf_counter()
        accounts = await chain.node.accounts(names)
        while not all(accounts):
            await asyncio.sleep(0.1)
            accounts = await chain.node.accounts(names)
        done = time.perf_counter()
        await asyncio.sleep(2)  # what the last look saw may still be pending
        books = await read_books(chain.node)
    registered = sum(books.registered[name] for name in names)
    rate = CROWD / (answered - start)
    wait, transactions = done - answered, books.transactions
    return [
        Figure(f"{CROWD} signups answered", f"{answered - start:.2f} s ({rate:.0f} a second)", "all", met=True),
        Figure("… all accounts after the last answer", f"{wait:.1f} s", "10 s", wait <= 10 and registered == CROWD),
        Figure("… in transactions", f"{transactions}", "at most 100", transactions <= 100),
    ]


async def measure_costs() -> list[Figure]:
    """Calls to the node that signups and drains cost, for one signup and for many."""
    calls = []
    for count in (1, AT_ONCE):
        with tempfile.TemporaryDirectory() as folder:
            async with chain_side(Path(folder)) as side:
                await side.block()
                side.node.calls.clear()
                await side.accept(*(f"cost-{number}" for number in range(count)))
                accepting = side.node.calls.total()
                await side.drainer.drain()
                calls.append(side.node.calls.total() - side.node.calls["broadcast_transaction"])
    same = calls[0] == calls[1]
    return [
        Figure("calls to the node for a signup's answer", f"{accepting}", "0", accepting == 0),
        Figure(f"… for a drain of 1 and of {AT_ONCE}, beside its transactions", f"{calls}", "the same few", same),
    ]


async def in_turns(names: list[str], work: Callable[[str], Awaitable[object]]) -> None:
    """Do `work` for each name, AT_ONCE side by side."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(name: str) -> None:
        async with turns:
            await work(name)

    await asyncio.gather(*(one(name) for name in names))


async def main() -> None:
    """Measure, then print the table."""
    AsyncHTTPClient.configure(None, max_clients=AT_ONCE)
    table = Table(
        "figure",
        "reached",
        "target",
        "met",
        title=f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    )
    parts = (measure_single, measure_crowd, measure_costs, measure_pages)
    for figure in [figure for part in parts for figure in await part()]:
        table.add_row(figure.what, figure.reached, figure.target, "yes" if figure.met else "NO")
    Console(width=110).print(table)


asyncio.run(main())
