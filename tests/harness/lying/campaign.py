"""A campaign of lies against the faucet's chain side: signups, blocks, lies of the relay, then the truth."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

from chain.errors import LinkError, Refused, UnfitNode
from devchain import DevChain, DevChainSettings
from jobs.errors import FaucetError
from jobs.ledger.spending import DAY_MS
from jobs.model.job import Job, State
from jobs.settings.values import DailyBudget
from tests.chaos.records import ChainRecord, read_chain
from tests.harness.chain_harness import REGISTRAR, ChainSide, on_dev_chain
from tests.harness.lying.grammar import Step
from tests.harness.lying.relay import Relay

NOON = 1_700_049_600  #: seconds since 1970: midday of some day, UTC
BUDGET = 150 * 10**5  #: satoshi: five signups
BALANCE = 10_000_000 * 10**5  #: satoshi, the registrar's in the beginning
PAYMENT = 10**5  #: satoshi, the initial balance
SETTINGS: dict[str, Any] = {
    "own_nodes": (),
    "daily_budget": DailyBudget(amount=Decimal(BUDGET).scaleb(-5)),
    "initial_balance": Decimal(PAYMENT).scaleb(-5),
    "max_head_age": 1000,
    "transaction_expiration": 15,
    "default_referrer": "referrer",
}
LAG = 2  #: blocks that the last irreversible one trails the head by
ROUNDS = 8  #: of a campaign
BLOCKS = 2  #: in a round
BLOCK_SECONDS, QUIET_SECONDS = 3, 30  #: between two blocks while it lies, and afterwards
CALL_TIMEOUT = 0.3  #: seconds; some lies are no answer at all
CONNECT_TIMEOUT = 0.3  #: seconds that a round waits for a node
MAX_QUIET_ROUNDS = 25  #: of a day after the campaign
DAYS = 3  #: after the campaign's own
ENDED = {State.DONE, State.FAILED, State.CANCELLED}


@dataclass
class Clock:
    """The time of this machine and of the chain."""

    now: float = NOON

    def __call__(self) -> float:
        return self.now


@dataclass
class Outcome:
    """The outcome of a campaign."""

    days: list[ChainRecord]  #: the honest chain's totals at the end of each day
    committed: list[int]  #: what the ledger recorded as spent on each day, satoshi
    jobs: list[Job]


@dataclass
class Campaign:
    """Lies by their rounds, told to a faucet that knows the relay, and perhaps the honest node too."""

    steps: Sequence[Step]
    second: bool  #: the honest node is configured too, after the relay
    contact: bool  #: the first contact is an honest one
    _days: list[ChainRecord] = field(default_factory=list)
    _committed: list[int] = field(default_factory=list)

    async def run(self, folder: Path) -> Outcome:
        """Run the campaign; returns its outcome."""
        self._clock, self._names = Clock(), (f"wallet-{number}" for number in count(1))
        options = DevChainSettings(block_interval=0, faults=True, irreversible_lag=LAG, registrar_balance=BALANCE)
        self._chain = DevChain(options, clock=self._clock)
        await self._chain.start()
        try:
            async with Relay(self._chain.url) as self._relay:
                await self._go_through(folder)
        finally:
            await self._chain.stop()
        return Outcome(self._days, self._committed, self._jobs)

    async def _go_through(self, folder: Path) -> None:
        self._chain.control.produce(LAG + 1)
        steps = list(self.steps)
        if not self.contact:
            self._take(steps, 0)
        async with self._chain_side(folder) as self._side:
            if self.contact:
                await self._sign_up(1)
                await self._round(2)
            for number in range(ROUNDS):
                self._take(steps, number)
                if self._relay.lies:
                    await self._use_relay()
                await self._sign_up(1 + number % 2)
                await self._round(BLOCKS)
            self._relay.heal()
            await self._rest()
            self._jobs = await self._side.ledger.queries.jobs(limit=1000)

    def _chain_side(self, folder: Path) -> contextlib.AbstractAsyncContextManager[ChainSide]:
        urls = [self._relay.url, self._chain.url] if self.second else [self._relay.url]
        return on_dev_chain(
            self._chain, folder, SETTINGS, urls=urls, clock=self._clock, timeout=CALL_TIMEOUT,
            sleep=lambda _: asyncio.sleep(0.01), wait=self.contact,
        )  # fmt: skip

    def _take(self, steps: list[Step], number: int) -> None:
        """Take the steps of round `number`."""
        due = [step for step in steps if step.round == number]
        for step in due:
            steps.remove(step)
            self._relay.heal() if step.lie is None else self._relay.lie(step.lie)

    async def _use_relay(self) -> None:
        """Make the faucet reconnect to the relay: the honest node fails for a moment."""
        if self._side.link.url == self._chain.url:
            self._side.link.leave("test")
        await self._connected()

    async def _connected(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._side.link.wait_connected()

    async def _sign_up(self, signups: int) -> None:
        for name in [next(self._names) for _ in range(signups)]:
            with contextlib.suppress(FaucetError):
                await self._side.accept(name, balance=f"{SETTINGS['initial_balance']:f}")

    async def _round(self, blocks: int, seconds: float = BLOCK_SECONDS) -> None:
        """Produce blocks; the faucet follows them, then drains."""
        for _ in range(blocks):
            self._clock.now += seconds
            self._chain.control.produce()
            await self._connected()
            for step in (self._side.tracker.follow, self._drain):
                try:
                    await step()
                except UnfitNode as error:
                    self._side.link.leave(str(error))
                except (LinkError, Refused, FaucetError):
                    continue

    async def _drain(self) -> None:
        if self._side.link.connected and self._side.tracker.caught_up:
            await self._side.drainer.drain()

    async def _rest(self) -> None:
        """Run some days of truth, each until every job has ended."""
        for _ in range(DAYS):
            await self._end_day()
            self._clock.now += DAY_MS / 1000
            await self._operate()
            for _ in range(MAX_QUIET_ROUNDS):
                await self._round(1, QUIET_SECONDS)
                if set(await self._side.states()) <= ENDED:
                    break
        await self._end_day()

    async def _end_day(self) -> None:
        """Produce a block of the pending transactions, and read all blocks."""
        self._clock.now += BLOCK_SECONDS
        self._chain.control.produce()
        self._committed.append(await self._side.ledger.spending.spent_today())
        self._days.append(await read_chain(self._chain.url, REGISTRAR))

    async def _operate(self) -> None:
        """As operators do, release the payments that the honest chain lacks, and follow it anew."""
        included = (await read_chain(self._chain.url, REGISTRAR)).blocks
        ledger = self._side.ledger
        held_payments = {
            payment.number: payment for payment in await ledger.expiry.held() if payment.signature not in included
        }
        jobs = {job for payment in held_payments.values() for job in payment.jobs}
        free = [job.id for job in await ledger.queries.jobs(limit=1000) if job.number in jobs]
        if free:
            await ledger.operators.release_payments(free, by="operator")
        await ledger.operators.refollow(by="operator")
