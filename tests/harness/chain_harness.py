"""The faucet's chain side in the test's own process, run step by step: a block, a tracker round, a drain."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from msgspec import Raw

from chain.cancellation import end_tasks
from chain.link import Call, Link
from chain.node import Head, Node
from chain.transactions import RefBlock, sign, transfer, with_fee
from devchain import ChainParameters, DevChain, DevChainSettings
from devchain.settings import published_key
from jobs.blocks.expirer import Expirer
from jobs.blocks.tracker import Tracker
from jobs.chain_status import ChainStatusPublisher
from jobs.drain.allowance import Allowances
from jobs.drain.drainer import Drainer
from jobs.ledger import Ledger
from jobs.model.job import Job, Limits, Signup, State
from jobs.monitoring.metrics import Metrics
from jobs.nodes.access import new_confirmed_chain, new_fitness
from jobs.nodes.confirmation import ConfirmedChain
from jobs.nodes.fitness import Fitness
from jobs.settings import Settings
from tests.harness.flavours import flavour, has_results
from tests.harness.program import keys_of

REGISTRAR = "1.2.7"
REGISTRAR_KEY = published_key("registrar")
LAG = 8  #: blocks that the last irreversible one trails the head by


class CountingNode(Node):
    """A node that counts its calls."""

    def __init__(self, call: Call) -> None:
        self.calls: Counter[str] = Counter()

        async def counted(api: str, method: str, arguments: list[Any]) -> Raw:
            self.calls[method] += 1
            return await call(api, method, arguments)

        super().__init__(counted)


@dataclass
class ChainSide:
    """The faucet without HTTP."""

    chain: DevChain
    ledger: Ledger
    link: Link
    node: CountingNode
    tracker: Tracker
    drainer: Drainer
    confirmed: ConfirmedChain
    chain_status: ChainStatusPublisher

    async def accept(self, *names: str, balance: str | None = None, password: str = "secret") -> list[Job]:
        """Accept a signup for each of `names`."""
        limits = Limits(queue=10_000, initial_balance=balance)
        signups = [Signup(name, **keys_of(name, password)) for name in names]
        return list(await asyncio.gather(*(self.ledger.signups.accept(signup, limits) for signup in signups)))

    async def block(self, blocks: int = 1) -> None:
        """Make blocks, and follow them."""
        self.chain.control.produce(blocks)
        await self.tracker.follow()

    async def payable(self) -> None:
        """Return when included accounts may be paid: at once, or once their block is irreversible."""
        if not has_results():
            await self.block(LAG)

    async def finish(self) -> None:
        """Drain and follow until every job is done."""
        while set(await self.states()) != {State.DONE}:
            await self.drainer.drain()
            await self.block()

    async def states(self) -> list[State]:
        """The jobs' states, in order of acceptance."""
        return [job.state for job in reversed(await self.ledger.queries.jobs())]

    async def job(self, name: str) -> Job:
        """The newest job of `name`."""
        return (await self.ledger.queries.jobs(name=name))[0]


async def give(side: ChainSide, name: str, amount: int) -> None:
    """Send `amount` satoshi to `name` with the registrar's key, outside the faucet."""
    account = (await side.job(name)).account_id
    head = await side.node.head()
    bare = transfer(sender=REGISTRAR, receiver=account or "", amount=amount)
    (fee,) = await side.node.required_fees([bare])
    signed = sign(
        [with_fee(bare, fee)],
        ref_block=RefBlock(head.number, head.id),
        expiration=head.time + 30,
        chain_id=side.chain.chain.chain_id,
        prefix="TEST",
        key=REGISTRAR_KEY,
    )
    await side.node.broadcast(signed.body)


@contextlib.asynccontextmanager
async def chain_side(
    folder: Path,
    *,
    parameters: ChainParameters | None = None,
    settings: dict[str, Any] | None = None,
    url: str | None = None,
) -> AsyncIterator[ChainSide]:
    """A chain side on a dev chain that makes blocks only on demand; its ledger is in `folder`, or at `url`."""
    options = DevChainSettings(
        block_interval=0,
        faults=True,
        flavour=flavour(),
        irreversible_lag=LAG,
        parameters=parameters or ChainParameters(),
    )
    chain = DevChain(options)
    await chain.start()
    try:
        async with on_dev_chain(chain, folder, settings, url=url) as side:
            yield side
    finally:
        await chain.stop()


@contextlib.asynccontextmanager
async def on_dev_chain(
    chain: DevChain,
    folder: Path,
    settings: dict[str, Any] | None = None,
    *,
    urls: Sequence[str] = (),
    clock: Callable[[], float] = time.time,
    timeout: float = 5,  # noqa: ASYNC109  # of each call
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    wait: bool = True,
    url: Path | str | None = None,
) -> AsyncIterator[ChainSide]:
    """A chain side with the ledger in `folder`, or at `url`, on the nodes at `urls`, or on the dev chain itself.

    `timeout` is what a call may take, seconds; `sleep` passes the time between two attempts to connect. The block
    begins once a node is in use, unless not to `wait`.
    """
    urls = tuple(urls or (chain.url,))
    async with contextlib.AsyncExitStack() as stack:
        ledger = await Ledger.open(url or folder / "faucet.db", clock=clock)
        stack.push_async_callback(ledger.close)
        config = _configured(folder, urls, settings or {})
        fitness = new_fitness(config, ledger, urls, REGISTRAR_KEY, clock)
        link = Link(urls, validate_node=fitness.validate, on_block=lambda: None, timeout=timeout, sleep=sleep)
        node = CountingNode(link.call)
        confirmed = new_confirmed_chain(node, link, urls, fitness, timeout)
        stack.push_async_callback(confirmed.close)
        await stack.enter_async_context(_running(link))
        if wait:
            await link.wait_connected()
        yield _assembled(
            chain=chain, ledger=ledger, link=link, node=node, settings=config, fitness=fitness, confirmed=confirmed,
            clock=clock,
        )  # fmt: skip


def _configured(folder: Path, urls: tuple[str, ...], settings: dict[str, Any]) -> Settings:
    defaults = {"max_head_age": 10**6, "enable_initial_balance": True, "initial_balance": Decimal(1)}
    return Settings(
        witness_url=urls,
        wif=REGISTRAR_KEY.wif(),
        ledger=folder / "faucet.db",
        devchain_data=folder / "unused",
        **{**defaults, **settings},
    )


@contextlib.asynccontextmanager
async def _running(link: Link) -> AsyncIterator[None]:
    linking = asyncio.create_task(link.run())
    try:
        yield
    finally:
        await end_tasks([linking])


def _assembled(
    *,
    chain: DevChain,
    ledger: Ledger,
    link: Link,
    node: CountingNode,
    settings: Settings,
    fitness: Fitness,
    confirmed: ConfirmedChain,
    clock: Callable[[], float],
) -> ChainSide:
    metrics, chain_status = Metrics(), ChainStatusPublisher(ledger.chain_status, clock=clock)

    async def check_head(head: Head) -> None:
        if link.peer is not None:
            fitness.check_time(head, link.peer)

    tracker = Tracker(
        node=node, blocks=ledger.blocks, reconciliation=ledger.reconciliation, settings=settings, metrics=metrics,
        expirer=Expirer(expiry=ledger.expiry, blocks=ledger.blocks, confirmed=confirmed, clock=clock), clock=clock,
        confirmed=confirmed, account_ids=lambda: fitness.ids, check_head=check_head,
    )  # fmt: skip
    allowances = Allowances(
        settings=settings, spending=ledger.spending, pins=ledger.pins, queries=ledger.queries, confirmed=confirmed
    )
    drainer = Drainer(
        link=link, node=node, ledger=ledger, settings=settings, metrics=metrics, fitness=fitness, confirmed=confirmed,
        allowances=allowances, standstill=lambda: tracker.obstacle, chain_status=chain_status,
    )  # fmt: skip
    return ChainSide(chain, ledger, link, node, tracker, drainer, confirmed, chain_status)
