"""Nodes that lie to redirect a payment, or to cause a second one."""

from pathlib import Path

import pytest

from jobs.model.job import State
from jobs.model.transaction import Kind
from tests.harness.liar import PLAIN, lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie

HELD = "one stranger's node alone says that no block holds it"

#: Lies about which account was registered.
FALSE_IDS = [
    lies.ResultIds("alice-*", PLAIN),
    lies.RotatedResults(),
    lies.ShiftedResults(-1),
]


@pytest.mark.parametrize("lie", FALSE_IDS, ids=repr)
async def test_false_id_of_a_new_account_is_not_paid(tmp_path: Path, lie: Lie) -> None:
    """The id under the name is paid, and the payment asserts it."""

    async with lied_to(tmp_path, lie) as world:
        await world.sign_up("alice-1", "alice-2", "alice-3")
        await world.reported("the node contradicts itself about the id of the account alice-1")
        await world.reach(State.FUNDED)
        assert len((await world.totals()).paid) == 3
        world.relay.heal()
        await world.recovered()


async def test_false_id_in_block_and_list_is_refused_by_the_chain(tmp_path: Path) -> None:
    """The signed payment is held until an operator decides; then the right account is paid."""

    async with lied_to(tmp_path, lies.ResultIds("alice-*", PLAIN), lies.AccountId("alice-*", PLAIN)) as world:
        await world.sign_up("alice-1", "alice-2")
        await world.reported(HELD)
        assert (await world.totals()).paid == {}
        world.relay.heal()
        await world.until(world.release)
        await world.totals()
        jobs = await world.jobs()
        assert {job.state for job in jobs.values()} == {State.DONE}


@pytest.mark.parametrize("lie", FALSE_IDS, ids=repr)
async def test_second_node_contradicts_a_false_id_in_a_block(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path, lie, honest=True) as world:
        await world.sign_up("alice-1", "alice-2", "alice-3")
        await world.reported("has another block")
        assert PLAIN not in (await world.totals()).paid
        world.relay.heal()
        await world.recovered()


async def test_payment_hidden_from_the_start_is_held_until_shown(tmp_path: Path) -> None:
    """It is held, and reported, until a block shows it after all."""

    async with lied_to(tmp_path) as world:
        await world.sign_up("alice-1", "alice-2")
        await world.reach(State.REGISTERED, State.FUNDING)
        world.relay.lie(lies.HiddenTransactions("1.2.7"))
        await world.reported(HELD)
        await world.blocks(30)
        assert len((await world.totals()).paid) == 2
        assert [len(payment.jobs) for payment in await world.ledger.expiry.held()] == [2]
        world.relay.heal()
        await world.ledger.operators.refollow(by="ann", reason="the node lied")
        await world.recovered()
        assert await world.ledger.expiry.held() == []


async def test_operator_releases_a_payment_that_no_block_holds(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.LostBroadcasts(lies.TRANSFER))
        await world.sign_up("alice-1")
        await world.reported(HELD)
        world.relay.heal()
        await world.blocks(20)
        assert (await world.totals()).paid == {}
        await world.until(world.release)
        await world.recovered()


async def test_hidden_payment_is_shown_by_the_second_node(tmp_path: Path) -> None:
    """When two nodes disagree, one lies: nothing expires before they agree."""

    async with lied_to(tmp_path, honest=True) as world:
        await world.sign_up("alice-1", "alice-2")
        await world.reach(State.REGISTERED, State.FUNDING)
        world.relay.lie(lies.HiddenTransactions("1.2.7"))
        await world.reported("has another block")
        await world.blocks(30)
        assert len((await world.totals()).paid) == 2
        world.relay.heal()
        await world.recovered()


async def test_lost_payment_is_repeated_when_two_nodes_lack_it(tmp_path: Path) -> None:
    async with lied_to(tmp_path, honest=True) as world:
        world.relay.lie(lies.LostBroadcasts(lies.TRANSFER))
        await world.sign_up("alice-1")
        await world.reach(State.FUNDING)
        world.relay.heal()
        await world.recovered()
        assert await world.ledger.expiry.held() == []


async def test_delayed_payment_is_not_made_twice(tmp_path: Path) -> None:
    """The node keeps the first payment back to broadcast it with the second, but there is no second."""

    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.LostBroadcasts(lies.TRANSFER))
        await world.sign_up("alice-1")
        await world.reach(State.FUNDING)
        world.relay.lie(lies.HeadTime(900), lies.Irreversible())
        await world.blocks(8)
        await world.relay.replay()
        world.relay.heal()
        await world.until(world.release)
        await world.recovered()


async def test_false_inclusion_is_no_payment(tmp_path: Path) -> None:
    """Accounts and payments that only this node's blocks include finish no job where a second node can be asked."""

    async with lied_to(tmp_path, lies.FalseInclusion(), honest=True) as world:
        await world.sign_up("alice-1")
        await world.reported("has another block")
        await world.blocks(20)
        assert (await world.job("alice-1")).state is not State.DONE
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_payments_wait_where_assertions_are_denied(tmp_path: Path, honest: bool) -> None:
    """Without assertions, a second node must confirm the account's id."""

    lie = lies.ChainParameter("max_predicate_opcode", 0)
    async with lied_to(tmp_path, lie, lies.ResultIds("*", PLAIN), honest=honest) as world:
        await world.sign_up("alice-1")
        await world.reported("initial balances wait until a second node confirms the accounts")
        assert (await world.totals()).paid == {}
        live = await world.ledger.drain.live()
        assert [transaction for transaction in live if transaction.kind is Kind.FUNDING] == []
        world.relay.heal()
        await world.until(world.release)
        await world.recovered()
