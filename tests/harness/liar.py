"""A faucet whose node lies: its chain side in the test's process, and the invariants to check afterwards.

The dev chain produces 30 blocks a second with times a second apart, and the faucet's clock follows the chain: minutes
pass in seconds. Tests check their conditions at each block.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from devchain import ChainParameters, DevChain, DevChainSettings
from devchain.settings import published_key
from handlers.api.readiness import Readiness
from jobs.chain_status import Snapshot
from jobs.ledger import Ledger
from jobs.model.job import Job, Limits, Signup, State
from jobs.monitoring.metrics import Metrics
from jobs.owner import ChainOwner
from jobs.settings import Settings
from tests.harness.chain_totals import ChainTotals, read_totals
from tests.harness.fault_scenario import PAYMENT, REGISTRAR
from tests.harness.flavours import flavour
from tests.harness.lying.relay import Relay
from tests.harness.lying.relayed_chain import node_at
from tests.harness.program import keys_of

BLOCK_INTERVAL = 0.03
LAG = 6  #: blocks that the last irreversible one trails the head by; more than the slack of the local clock
BALANCE = 10_000_000 * 10**5  #: satoshi that the registrar begins with
PLAIN = "1.2.9"  #: a third party's account, which a liar may own


class WatchedChain(DevChain):
    """A dev chain that a test waits for."""

    def __init__(self, settings: DevChainSettings) -> None:
        super().__init__(settings)
        self.made = asyncio.Event()  #: replaced by a fresh one at each block

    def produce(self) -> Any:
        """Make a block, and wake the test."""
        block = super().produce()
        self.made.set()
        self.made = asyncio.Event()
        return block


@dataclass
class World:
    """A chain, a node before it that may lie, and a faucet."""

    folder: Path
    chain: WatchedChain
    relay: Relay
    settings: Settings
    clock: Callable[[], float]
    metrics: Metrics = field(default_factory=Metrics)
    names: list[str] = field(default_factory=list)  #: that signed up
    ledger: Ledger = field(init=False)
    owner: ChainOwner = field(init=False)

    async def start(self) -> None:
        """Start with the existing ledger or a new one."""
        self.ledger = await Ledger.open(self.settings.ledger, clock=self.clock)
        key = published_key("registrar")
        self.owner = ChainOwner(
            settings=self.settings, urls=self.settings.witness_url, key=key, ledger=self.ledger, metrics=self.metrics,
            clock=self.clock,
        )  # fmt: skip
        await self.owner.start()

    async def stop(self) -> None:
        """Stop. A second call does nothing."""
        await self.owner.stop()
        await self.ledger.close()

    async def restart(self, **changes: Any) -> None:
        """Restart on the same ledger with changed settings."""
        await self.stop()
        self.settings = replace(self.settings, **changes)
        await self.start()

    async def sign_up(self, *names: str, **changes: Any) -> None:
        """Accept signups, with the initial balance of the settings."""
        payment = self.settings.payment
        limits = Limits(10_000, initial_balance=None if payment is None else str(payment))
        await asyncio.gather(
            *(self.ledger.signups.accept(Signup(name, **keys_of(name), **changes), limits) for name in names)
        )
        self.names += names

    async def job(self, name: str) -> Job:
        """The newest job of `name`."""
        return (await self.ledger.queries.jobs(name=name))[0]

    async def jobs(self) -> dict[str, Job]:
        """All jobs by name."""
        return {job.signup.name: job for job in await self.ledger.queries.jobs(limit=1000)}

    async def block(self) -> None:
        """Return after the next block."""
        await self.chain.made.wait()

    async def blocks(self, number: int) -> None:
        """Return after so many blocks."""
        target = self.chain.chain.head_number + number
        while self.chain.chain.head_number < target:
            await self.block()

    async def until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Return when `condition` holds, checked at each block."""
        while not await condition():
            await self.block()

    async def reach(self, *states: State) -> None:
        """Return when every job is in one of `states`."""

        async def reached() -> bool:
            return {job.state for job in (await self.jobs()).values()} <= set(states)

        await self.until(reached)

    async def sentences(self) -> list[str]:
        """The sentences that operators see: last error, pause, what is waited for, held payments."""
        chain_status, pause = await self.ledger.chain_status.load(), (await self.ledger.pauses.active()).get("drain")
        held_reasons = [payment.held for payment in await self.ledger.expiry.held()]
        texts = [
            chain_status.last_error,
            pause.reason if pause else None,
            chain_status.waiting,
            chain_status.unconfirmed,
            *held_reasons,
        ]
        return [text for text in texts if text is not None]

    async def reported(self, words: str, *, check: str | None = None) -> None:
        """Return when a sentence contains `words`, at this `check` of /readyz if given. Asserts that none is long."""

        async def readable() -> bool:
            sentences = await self.sentences() if check is None else [(await self.checks()).get(check, "")]
            assert max(map(len, sentences), default=0) < 300
            return any(words in sentence for sentence in sentences)

        await self.until(readable)

    async def is_obstructed(self) -> bool:
        """Whether operators see any obstacle."""
        return bool(await self.sentences())

    async def has_held(self) -> bool:
        """Whether payments wait for an operator."""
        return bool(await self.ledger.expiry.held())

    async def release(self) -> bool:
        """Release held payments, as an operator who found them in no block; returns whether all jobs are done."""
        numbers = {number for payment in await self.ledger.expiry.held() for number in payment.jobs}
        jobs = (await self.jobs()).values()
        if held_jobs := [job.id for job in jobs if job.number in numbers]:
            await self.ledger.operators.release_payments(held_jobs, by="ann", reason="it is in no block")
        return {job.state for job in jobs} == {State.DONE}

    async def checks(self) -> dict[str, str]:
        """The checks of /readyz that fail, with their sentences."""
        snapshot = Snapshot(self.ledger)
        await snapshot.refresh()
        checks = await Readiness(self.ledger, snapshot, self.settings, clock=self.clock).checks()
        return {name: check.text for name, check in checks.items() if not check.ok}

    async def totals(self) -> ChainTotals:
        """The registrar's totals on the true chain. Asserts that it paid for signups only, each once."""
        async with node_at(self.chain.url) as node:
            totals, balance = await read_totals(node, payer=REGISTRAR), await node.balance(REGISTRAR)
        assert balance == BALANCE - totals.spent
        assert set(totals.registered) <= set(self.names)
        assert set(totals.registered.values()) <= {1}
        assert set(totals.paid) <= set(totals.ids.values())
        assert set(totals.paid.values()) <= {1}
        assert set(totals.amounts.values()) <= {PAYMENT}
        return totals

    async def recovered(self, *failed: str) -> None:
        """Return when every job but those of `failed` is done: its account exists once, and was paid once."""
        await self.until(lambda: self._have_ended(failed))
        jobs, totals = await self.jobs(), await self.totals()
        done = {name: jobs[name].account_id for name in jobs if name not in failed}
        assert totals.ids == done
        assert set(totals.paid) == (set(done.values()) if self.settings.payment is not None else set())

    async def _have_ended(self, failed: Sequence[str]) -> bool:
        jobs = await self.jobs()
        assert {name for name, job in jobs.items() if job.state is State.FAILED} <= set(failed)
        return all(job.state is (State.FAILED if name in failed else State.DONE) for name, job in jobs.items())


_DEFAULTS: dict[str, Any] = {
    "own_nodes": (),
    "enable_initial_balance": True,
    "initial_balance": Decimal("1.5"),
    "drain_interval": 0.05,
    "transaction_expiration": 10,
    "max_head_age": 1000,
    "node_timeout": 2.0,
}


def configured(folder: Path, urls: Sequence[str], changes: dict[str, Any]) -> Settings:
    """The settings of a hasty faucet with no nodes of its own that pays initial balances."""
    return Settings(
        witness_url=tuple(urls),
        wif=published_key("registrar").wif(),
        ledger=folder / "faucet.db",
        devchain_data=folder / "unused",
        **{**_DEFAULTS, **changes},
    )


@contextlib.asynccontextmanager
async def lied_to(
    folder: Path,
    *lies: Any,
    honest: bool = False,
    fit: bool = True,
    parameters: ChainParameters | None = None,
    prepare: Callable[[DevChain], Any] = lambda _: None,
    clock: Callable[[DevChain], float] = lambda chain: chain.chain.head_time,
    **settings: Any,
) -> AsyncIterator[World]:
    """A world whose node tells `lies` from the beginning; `honest` adds a second node that tells none.

    `prepare` does something to the chain before the faucet meets it. The block begins when blocks are followed,
    unless the node is not `fit` at first.
    """
    asyncio.get_running_loop().set_debug(False)
    async with _watched_chain(parameters or ChainParameters()) as chain:
        prepare(chain)
        async with Relay(chain.url) as relay:
            relay.lie(*lies)
            urls = [relay.url, *([chain.url] if honest else [])]
            world = World(folder, chain, relay, configured(folder, urls, settings), lambda: clock(chain))
            await world.start()
            try:
                if fit:
                    await world.until(lambda: _is_fit(world))
                yield world
            finally:
                await world.stop()


@contextlib.asynccontextmanager
async def _watched_chain(parameters: ChainParameters) -> AsyncIterator[WatchedChain]:
    options = DevChainSettings(
        block_interval=BLOCK_INTERVAL, faults=True, flavour=flavour(), irreversible_lag=LAG, parameters=parameters
    )
    chain = WatchedChain(options)
    await chain.start()
    try:
        yield chain
    finally:
        await chain.stop()


async def _is_fit(world: World) -> bool:
    return (await world.ledger.chain_status.load()).irreversible_block not in (None, 0)
