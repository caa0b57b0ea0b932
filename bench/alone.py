"""What one signup costs that comes alone: time to its answer, blocks to its account, calls to the node."""

import statistics
import tempfile
import time
from pathlib import Path

from bench.figure import Figure
from bench.processes import faucet
from tests.harness.chain_harness import chain_side
from tests.harness.program import DevChainProgram, Faucet, dev_chain

LATER = 5  #: signups that are followed into a block
CROWD = 50  #: signups that share a drain


async def measure_alone(size: float, folder: Path) -> list[Figure]:
    """Answers to signups that come one after the other, and what they cost at the node."""
    async with dev_chain("--block-interval", "1") as chain, faucet(folder / "alone", chain.url) as service:
        seconds = [await _seconds_to_answer(service, f"single-{number}") for number in range(max(10, int(200 * size)))]
        blocks = max([await _blocks_to_account(chain, service, f"later-{number}") for number in range(LATER)])
    median, slow = statistics.median(seconds) * 1000, statistics.quantiles(seconds, n=100)[98] * 1000
    return [
        Figure(
            "a signup alone: to its answer, median",
            median,
            "ms",
            "10 ms",
            met=median <= 10,
            note=f"99 %: {slow:.1f} ms",
        ),
        Figure("a signup alone: to its account", blocks, "blocks", "2 blocks", met=blocks <= 2),
        *await _calls(),
    ]


async def _seconds_to_answer(service: Faucet, name: str) -> float:
    start = time.perf_counter()
    await service.sign_up(name)
    return time.perf_counter() - start


async def _blocks_to_account(chain: DevChainProgram, service: Faucet, name: str) -> int:
    """How many blocks after the head at the answer the account comes."""
    reply = await service.sign_up(name)
    head = await chain.node.head()
    job = await service.job(reply.body["job"]["id"], until=("registered", "done"))
    return int(job["block_num"]) - head.number


async def _calls() -> list[Figure]:
    """Calls to the node that signups and drains cost, for one signup and for many."""
    accepting, of_one = await _calls_for(1)
    _, of_many = await _calls_for(CROWD)
    return [
        Figure("calls to the node for a signup's answer", accepting, "", "0", met=accepting == 0),
        Figure(
            f"calls to the node for a drain of {CROWD}", of_many, "", "as for 1", of_many / of_one, of_many == of_one,
            "beside the transactions themselves",
        ),
    ]  # fmt: skip


async def _calls_for(count: int) -> tuple[int, int]:
    """For accepting `count` signups, and for the drain that takes them."""
    with tempfile.TemporaryDirectory() as folder:
        async with chain_side(Path(folder)) as side:
            await side.block()
            side.node.calls.clear()
            await side.accept(*(f"cost-{number}" for number in range(count)))
            accepting = side.node.calls.total()
            await side.drainer.drain()
            return accepting, side.node.calls.total() - side.node.calls["broadcast_transaction"]
