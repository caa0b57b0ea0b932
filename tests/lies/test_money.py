"""Nodes that lie about fees and balances, and chains whose fees are too high."""

from pathlib import Path

import pytest

from devchain import ChainParameters
from jobs.errors import Code
from jobs.model.job import State
from jobs.settings import Settings
from tests.harness.chain_totals import read_totals
from tests.harness.fault_scenario import PAYMENT
from tests.harness.liar import World, lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relayed_chain import node_at

FEE, TRANSFER_FEE, ASSERT_FEE = 515_000, 2_000_000, 100_000  #: satoshi, at first, for any name of these tests
SIGNUP = FEE + TRANSFER_FEE + ASSERT_FEE + PAYMENT  #: the ceiling of one fee
LOOPBACK = Settings().own_nodes

CREATE, TRANSFER, ASSERTION = ((kind,) for kind in (lies.ACCOUNT_CREATE, lies.TRANSFER, lies.ASSERTION))

#: Lies about fees, and the sentence that reports each.
DEAR = [
    (lies.Fees(times=3, kinds=CREATE, places=(lies.REQUIRED,)), "An account costs"),
    (lies.Fees(times=1000, kinds=CREATE, places=(lies.SCHEDULE,)), "An account costs"),
    (lies.Fees(times=1000), "An account costs"),
    (lies.Fees(times=3, kinds=TRANSFER, places=(lies.REQUIRED,)), "A transfer costs"),
    (lies.Fees(times=1000, kinds=TRANSFER), "A transfer costs"),
    (lies.Fees(times=1000, kinds=ASSERTION), "An assertion costs"),
]
#: Lies within the ceiling, and of fees that are read elsewhere: transfers' by get_required_fees, assertions' not.
CHEAP = [
    lies.Fees(times=1.9),
    lies.Fees(times=3, kinds=ASSERTION),
    lies.Fees(times=1000, kinds=TRANSFER, places=(lies.SCHEDULE,)),
    lies.Fees(times=1000, kinds=ASSERTION, places=(lies.REQUIRED,)),
]


async def fees_paid(world: World) -> dict[int, int]:
    """The highest fee of each kind of operation that the registrar paid on the true chain, satoshi."""
    highest: dict[int, int] = {}
    async with node_at(world.chain.url) as node:
        for number in range(1, (await node.head()).number + 1):
            block = await node.block(number)
            for kind, body in (entry for each in (block.transactions if block else ()) for entry in each.operations):
                highest[kind] = max(highest.get(kind, 0), int(body["fee"]["amount"]))
    return highest


@pytest.mark.parametrize(("lie", "sentence"), DEAR, ids=repr)
async def test_false_fee_above_the_ceiling_is_not_paid(tmp_path: Path, lie: Lie, sentence: str) -> None:
    async with lied_to(tmp_path) as world:
        world.relay.lie(lie)
        await world.sign_up("alice-1", "bob-1")
        await world.reported(f"{sentence} ")
        await world.reported("now, more than max_account_fee allows", check="drain")
        assert (await world.totals()).paid == {}
        world.relay.heal()
        await world.recovered()
        assert max((await fees_paid(world)).values()) <= TRANSFER_FEE


@pytest.mark.parametrize("lie", CHEAP, ids=repr)
async def test_false_fee_below_the_ceiling_is_the_most_that_is_paid(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path) as world:
        world.relay.lie(lie)
        await world.sign_up("alice-1")
        await world.recovered()
        paid = await fees_paid(world)
        assert paid[lies.ACCOUNT_CREATE] <= 2 * FEE
        assert paid[lies.TRANSFER] <= 2 * TRANSFER_FEE
        assert paid[lies.ASSERTION] <= 2 * FEE


async def test_ceiling_is_learnt_from_both_nodes_at_first_contact(tmp_path: Path) -> None:
    async with lied_to(tmp_path, lies.Fees(times=1000), honest=True) as world:
        await world.sign_up("alice-1")
        await world.reported("more than max_account_fee allows (10.27")
        world.relay.heal()
        await world.recovered()
        assert max((await fees_paid(world)).values()) <= TRANSFER_FEE


async def test_ceiling_falls_only_when_a_second_node_agrees(tmp_path: Path) -> None:
    """Otherwise an untrusted node could stop the faucet for good."""

    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.Fees(fixed=1))
        await world.blocks(10)
        world.relay.heal()
        await world.sign_up("alice-1")
        await world.recovered()


@pytest.mark.parametrize("own", [LOOPBACK, ()], ids=["own node", "stranger"])
async def test_stepped_up_fees_are_paid_up_to_the_ceiling(tmp_path: Path, own: object) -> None:
    """80 signups cost no more than 20 at the first step, and what twice the lowest fee allows."""
    steps = ChainParameters(accounts_per_fee_scale=20, account_fee_scale_bitshifts=4)

    async with lied_to(tmp_path, parameters=steps, own_nodes=own, enable_initial_balance=False) as world:
        await world.sign_up(*(f"step-{number:02}" for number in range(80)))
        await world.reported("more than max_account_fee allows", check="drain")
        await world.blocks(20)
        totals = await world.totals()
        assert len(totals.registered) == 20
        assert totals.spent <= 20 * FEE + 60 * 2 * FEE + 20 * ASSERT_FEE
        world.chain.control.set_parameters({"basic_fee": 500_000, "account_fee_scale_bitshifts": 0})
        await world.recovered()


@pytest.mark.parametrize("fee", [200_000_000, 2**50], ids=["above the ceiling", "above the balance"])
@pytest.mark.parametrize("own", [True, False], ids=["own node", "stranger"])
async def test_premium_name_at_the_head_blocks_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fee: int, own: bool
) -> None:
    """Even if there are more of them than one drain takes."""
    monkeypatch.setattr("jobs.drain.drainer.BATCH", 3)
    premium = [f"premium{'a' * number}" for number in range(1, 6)]

    networks = LOOPBACK if own else ()
    async with lied_to(tmp_path, parameters=ChainParameters(premium_fee=fee), own_nodes=networks) as world:
        await world.sign_up(*premium)
        await world.sign_up("cheap-1", "cheap-2", "cheap-3", "cheap-4")
        await world.until(lambda: done(world, "cheap-1", "cheap-2", "cheap-3", "cheap-4"))
        jobs = await world.jobs()
        states = {jobs[name].state for name in premium}
        assert states == {State.FAILED if own else State.QUEUED}
        assert {jobs[name].code for name in premium} == {Code.PREMIUM_NAME if own else None}
        assert "more than max_account_fee allows" in str(jobs[premium[0]].reason)
        assert (await world.totals()).registered.keys() == {"cheap-1", "cheap-2", "cheap-3", "cheap-4"}


async def done(world: World, *names: str) -> bool:
    """Whether the jobs of `names` are done."""
    jobs = await world.jobs()
    return {jobs[name].state for name in names} == {State.DONE}


async def test_false_empty_balance_recovers(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.Balance(fixed=5))
        await world.sign_up("alice-1")
        await world.reported("does not pay for an account", check="drain")
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("lie", [lies.Balance(times=1000), lies.Balance(fixed=10**15)], ids=repr)
async def test_false_higher_balance_pays_for_no_more(tmp_path: Path, lie: Lie) -> None:
    """The chain refuses payments beyond the balance; they are held until an operator decides."""

    async with lied_to(tmp_path) as world:
        world.chain.control.set_balance("faucet", 3 * SIGNUP)
        world.relay.lie(lie)
        await world.sign_up(*(f"poor-{number}" for number in range(6)))
        await world.until(world.has_held)
        world.chain.control.set_balance("faucet", 10**9)
        world.relay.heal()
        await world.until(world.release)
        assert {job.state for job in (await world.jobs()).values()} == {State.DONE}
        async with node_at(world.chain.url) as node:
            totals = await read_totals(node, payer="1.2.7")
        assert set(totals.paid) == set(totals.ids.values())
        assert set(totals.paid.values()) == {1}
