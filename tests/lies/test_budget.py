"""The day's budget bounds what leaves the registrar on the true chain, whatever happens to the faucet."""

import asyncio
import contextlib
import signal
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPError

from devchain import DevChain
from jobs.model.job import State
from jobs.settings.values import DailyBudget
from tests.harness.chain_totals import read_totals
from tests.harness.fault_scenario import PAYING, REGISTRAR
from tests.harness.liar import BALANCE, World, lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relay import Relay
from tests.harness.program import Faucet, dev_chain, on_chain

AMOUNT = Decimal(100)  #: core asset, for about three signups of 27.7
BUDGET = int(AMOUNT.scaleb(5))  #: satoshi
SMALL: dict[str, Any] = {"daily_budget": DailyBudget(amount=AMOUNT)}
LARGE: dict[str, Any] = {"daily_budget": DailyBudget(amount=1000 * AMOUNT)}
SPENT = "The daily budget of 100 TEST is spent: it goes on at midnight UTC, or when daily_budget is raised."
NAMES = [f"many-{number}" for number in range(8)]
DAY = 86_400


class Midnight:
    """A clock that a test can set ahead of the chain's."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self, chain: DevChain) -> float:
        """Seconds since 1970."""
        return chain.chain.head_time + self.ahead


async def test_spent_budget_pauses_the_drain_until_it_is_raised(tmp_path: Path) -> None:
    """Signups are still accepted, and the amount spent survives a restart."""

    async with lied_to(tmp_path, **SMALL) as world:
        await world.sign_up(*NAMES)
        await world.reported(SPENT, check="drain")
        await world.restart()
        await world.sign_up("later-1")
        await world.reported(SPENT, check="drain")
        await world.blocks(30)
        totals = await world.totals()
        assert 0 < len(totals.registered) < len(NAMES)
        assert totals.spent <= BUDGET
        await world.restart(**LARGE)
        await world.recovered()


async def test_budget_renews_at_midnight(tmp_path: Path) -> None:
    clock = Midnight()
    async with lied_to(tmp_path, clock=clock, max_head_age=10**6, **SMALL) as world:
        await world.sign_up(*NAMES[:5])
        await world.reported(SPENT, check="drain")
        await world.reach(State.QUEUED, State.DONE)
        first = (await world.totals()).spent
        clock.ahead = DAY
        await world.recovered()
        assert first <= BUDGET
        assert (await world.totals()).spent <= 2 * BUDGET


async def test_two_processes_share_one_budget(tmp_path: Path) -> None:
    async with lied_to(tmp_path, **SMALL) as world:
        second = World(tmp_path, world.chain, world.relay, world.settings, world.clock)
        await second.start()
        try:
            await world.sign_up(*NAMES)
            await world.reported(SPENT, check="drain")
            await second.reported(SPENT, check="drain")
            await world.blocks(20)
            assert (await world.totals()).spent <= BUDGET
        finally:
            await second.stop()
        await world.restart(**LARGE)
        await world.recovered()


FORWARDED = ["denied", "account exists (still pending)", "fee too low (0)"]


@pytest.mark.parametrize("error", FORWARDED)
async def test_refused_but_included_transaction_counts_against_the_budget(tmp_path: Path, error: str) -> None:
    """A block includes the refused transaction all the same: it counts, and nobody is registered or paid twice."""

    async with lied_to(tmp_path, lies.DeniedBroadcasts(error), **SMALL) as world:
        await world.sign_up(*NAMES)
        await world.blocks(40)
        assert (await world.totals()).spent <= BUDGET
        world.relay.heal()
        await world.restart(**LARGE)
        await world.recovered()


GREATER: list[Lie] = [lies.Balance(times=1000), lies.Balance(fixed=10**17)]


@pytest.mark.parametrize("lie", GREATER, ids=repr)
async def test_greater_balance_raises_no_budget_in_percent(tmp_path: Path, lie: Lie) -> None:
    """Neither today nor tomorrow."""

    clock = Midnight()
    async with lied_to(tmp_path, clock=clock, max_head_age=10**6) as world:
        budget = (await world.ledger.chain_status.load()).budget
        world.relay.lie(lie)
        await world.blocks(10)
        assert (await world.ledger.chain_status.load()).budget == budget
        clock.ahead = DAY
        await world.blocks(10)
        assert (await world.ledger.chain_status.load()).budget == budget
        world.relay.heal()
        await world.sign_up("alice-1")
        await world.recovered()


async def test_greater_balance_is_contradicted_by_the_second_node_at_first_contact(tmp_path: Path) -> None:
    async with lied_to(tmp_path, lies.Balance(times=1000), honest=True) as world:
        await world.until(lambda: has_budget(world))
        assert (await world.ledger.chain_status.load()).budget == BALANCE // 4


async def has_budget(world: World) -> bool:
    """Whether the day's budget is known yet."""
    return (await world.ledger.chain_status.load()).budget is not None


@pytest.mark.parametrize("step", ["after:drain.record_signed:1", "after:node.broadcast:1"])
async def test_killed_faucet_keeps_to_its_budget(tmp_path: Path, step: str) -> None:
    """The real program, behind an untrusted node, is killed in its first drain, and again once the budget is spent."""

    slow = ("--block-interval", "1", "--irreversible-lag", "2", "--faults")
    async with dev_chain(*slow) as chain, Relay(chain.url) as relay:
        changes = {**PAYING, "own_nodes": [], "daily_budget": str(AMOUNT), "transaction_expiration": 60}
        service = Faucet(tmp_path, on_chain(relay.url, **changes))
        await service.start(script=("tests/harness/killed_faucet.py", step))
        try:
            await asyncio.gather(*(_try_to_sign_up(service, name) for name in NAMES))
            assert await service.ended() == -signal.SIGKILL
            await service.start()
            await asyncio.gather(*(service.sign_up(name) for name in NAMES))
            await _until_spent(service)
            await service.stop(signal.SIGKILL)
            await service.start()
            assert (await service.sign_up("late-1")).status == 200
            await _until_spent(service)
            assert SPENT.split(":", maxsplit=1)[0] in (await service.fetch("/status")).body.decode()
            while not (totals := await read_totals(chain.node, payer=REGISTRAR)).paid:
                """Asking is the waiting."""
            assert totals.spent <= BUDGET
        finally:
            await service.stop()


async def _until_spent(service: Faucet) -> None:
    while (await service.fetch("/readyz")).body["checks"]["drain"]["text"] != SPENT:
        """Asking is the waiting."""


async def _try_to_sign_up(service: Faucet, name: str) -> None:
    """The process may be killed meanwhile."""
    with contextlib.suppress(OSError, HTTPError):
        await service.sign_up(name)
