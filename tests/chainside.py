"""The faucet's chain side in the test's own process, moved step by step: a block, a round of the tracker, a drain."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chain.devchain import ChainParameters, DevChain, DevChainSettings
from chain.devchain.settings import published_key
from chain.link import Call, Link
from chain.node import Node
from jobs.config import Settings
from jobs.drainer import Drainer
from jobs.ledger import Ledger
from jobs.metrics import Metrics
from jobs.model import Job, Limits, Signup, State
from jobs.situation import Identity
from jobs.tracker import Tracker
from tests.program import keys_of

REGISTRAR = "1.2.7"
LAG = 8  #: blocks that the last irreversible one trails the head by


class CountingNode(Node):
    """A node that remembers what was called."""

    def __init__(self, call: Call) -> None:
        self.calls: Counter[str] = Counter()

        async def counted(api: str, method: str, arguments: list[Any]) -> Any:
            self.calls[method] += 1
            return await call(api, method, arguments)

        super().__init__(counted)


@dataclass
class ChainSide:
    """Everything but HTTP."""

    chain: DevChain
    ledger: Ledger
    link: Link
    node: CountingNode
    tracker: Tracker
    drainer: Drainer

    async def accept(self, *names: str, balance: str | None = None, password: str = "secret") -> list[Job]:
        """Accept a signup for each of `names`."""
        limits = Limits(address=None, interval=0, queue=10_000, initial_balance=balance)
        signups = [Signup(name, **keys_of(name, password)) for name in names]
        return list(await asyncio.gather(*(self.ledger.accept(signup, limits) for signup in signups)))

    async def block(self, blocks: int = 1) -> None:
        """Make blocks, and follow them."""
        self.chain.control.produce(blocks)
        await self.tracker.follow()

    async def finish(self) -> None:
        """Drain and follow until every job is done."""
        while set(await self.states()) != {State.DONE}:
            await self.drainer.drain()
            await self.block()

    async def states(self) -> list[State]:
        """Where the jobs stand, in order of acceptance."""
        return [job.state for job in reversed(await self.ledger.jobs())]

    async def job(self, name: str) -> Job:
        """The newest job of `name`."""
        return (await self.ledger.jobs(name=name))[0]


async def _take_any(_call: Call, _peer: str) -> None:
    """Every node is welcome."""


@contextlib.asynccontextmanager
async def chain_side(
    folder: Path, *, parameters: ChainParameters | None = None, settings: dict[str, Any] | None = None
) -> AsyncIterator[ChainSide]:
    """A chain side on a dev chain that makes blocks only on demand."""
    options = DevChainSettings(
        block_interval=0, faults=True, irreversible_lag=LAG, parameters=parameters or ChainParameters()
    )
    chain = DevChain(options)
    await chain.start()
    try:
        async with on_dev_chain(chain, folder, settings) as side:
            yield side
    finally:
        await chain.stop()


@contextlib.asynccontextmanager
async def on_dev_chain(
    chain: DevChain, folder: Path, settings: dict[str, Any] | None = None
) -> AsyncIterator[ChainSide]:
    """A chain side with the ledger in `folder`."""
    ledger = await Ledger.open(folder / "faucet.db", clock=time.time)
    link = Link([chain.url], greet=_take_any, on_block=lambda: None, timeout=5)
    linking = asyncio.create_task(link.run())
    await link.wait_connected()
    node = CountingNode(link.call)
    key = published_key("registrar")
    config = Settings(
        witness_url=(chain.url,),
        wif=key.wif(),
        ledger=folder / "faucet.db",
        devchain_data=folder / "unused",
        **(settings or {}),
    )
    identity = Identity(chain.chain.chain_id, "TEST", "TEST", 5, key)
    metrics = Metrics()
    tracker = Tracker(node=node, ledger=ledger, settings=config, metrics=metrics, clock=time.time)
    drainer = Drainer(link=link, node=node, ledger=ledger, settings=config, metrics=metrics, identity=lambda: identity)
    try:
        yield ChainSide(chain, ledger, link, node, tracker, drainer)
    finally:
        linking.cancel()
        await asyncio.gather(linking, return_exceptions=True)
        await ledger.close()
