"""Nodes that refuse broadcasts or calls: no signup fails because of it."""

from pathlib import Path

import pytest

from jobs.model.job import State
from tests.harness.liar import lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie

#: One error of each cause, and errors that blame no operation.
ERRORS = [
    "account exists (still pending)",
    "bad name 'Bad-Name1'",
    "premium name with basic fee",
    "expired",
    "wrong key",
    "insufficient balance for fee",
    "non-lifetime registrar",
    "tapos wrong prefix",
    "bad public key",
    "unknown op number",
    "denied",
    "rate limit",
    "replaying",
    "wrong types",
]
NAMES = [f"many-{number}" for number in range(5)]


@pytest.mark.parametrize("error", ERRORS)
async def test_node_that_refuses_each_broadcast_alike_fails_no_signup(tmp_path: Path, error: str) -> None:
    """There is no other node: jobs wait, and the reason is reported, until it accepts broadcasts."""

    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.RefusedCalls(error, api="network_broadcast"))
        await world.sign_up(*NAMES)
        await world.until(world.is_obstructed)
        await world.blocks(10)
        await world.reach(State.QUEUED, State.BROADCAST)
        assert (await world.totals()).registered == {}
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize(
    "error", ["account exists (still pending)", "unknown op number", "denied", "rate limit", "replaying"]
)
async def test_node_that_refuses_each_broadcast_alike_is_left(tmp_path: Path, error: str) -> None:
    async with lied_to(tmp_path, honest=True) as world:
        world.relay.lie(lies.RefusedCalls(error, api="network_broadcast"))
        await world.sign_up(*NAMES)
        await world.recovered()


@pytest.mark.parametrize(
    "error", ["account exists (still pending)", "unknown op number", "denied", "wrong key", "expired"]
)
async def test_denied_broadcast_registers_nobody_twice(tmp_path: Path, error: str) -> None:
    async with lied_to(tmp_path, lies.DeniedBroadcasts(error)) as world:
        await world.sign_up(*NAMES)
        await world.reach(State.FUNDED, State.DONE)
        await world.totals()
        world.relay.heal()
        await world.recovered()


CALLS = [
    ("get_required_fees", "The drain was put off"),
    ("lookup_account_names", "The drain was put off"),
    ("get_global_properties", "The drain was put off"),
    ("get_account_balances", "The drain was put off"),
    ("get_block", "Blocks can't be followed"),
    ("get_dynamic_global_properties", "Blocks can't be followed"),
]


@pytest.mark.parametrize(("method", "sentence"), CALLS)
async def test_node_that_refuses_a_call_is_reported(tmp_path: Path, method: str, sentence: str) -> None:
    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.RefusedCalls("rate limit", method=method))
        await world.sign_up("alice-1")
        await world.reported(sentence)
        await world.reach(State.QUEUED, State.BROADCAST)
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize(
    "lie", [lies.Unanswered(), lies.Dropped(), lies.Garbage(), lies.HandshakeRefused(429)], ids=repr
)
async def test_useless_node_is_left_for_the_next(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path, honest=True, node_timeout=0.3) as world:
        world.relay.lie(lie)
        world.relay.disconnect()
        await world.sign_up("alice-1")
        await world.reach(State.FUNDED, State.DONE)
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_false_loss_of_membership_and_authority_is_reported(tmp_path: Path, honest: bool) -> None:
    async with lied_to(tmp_path, honest=honest) as world:
        world.relay.lie(lies.Membership("faucet", lies.NEVER))
        await world.sign_up("alice-1")
        await world.reported("The registrar faucet is not a lifetime member.", check="drain")
        world.relay.heal()
        world.relay.lie(lies.Weights("faucet", threshold=100))
        await world.reported("but its threshold is 100: it can't sign alone.", check="drain")
        world.relay.heal()
        await world.recovered()


async def test_own_pause_of_an_operator_named_faucet_stays(tmp_path: Path) -> None:
    """The faucet's own pause is recognised by its kind, not by a name."""

    async with lied_to(tmp_path) as world:
        await world.ledger.operators.pause("drain", by="faucet", reason="maintenance")
        world.relay.lie(lies.RefusedCalls("denied", api="network_broadcast"))
        await world.sign_up("alice-1")
        await world.blocks(20)
        world.relay.heal()
        await world.blocks(20)
        await world.reported("maintenance", check="drain")
        await world.reach(State.QUEUED)
        await world.ledger.operators.resume("drain", by="ann")
        await world.recovered()


async def test_disabled_initial_balances_are_not_paid(tmp_path: Path) -> None:
    """They are counted until an operator waives them or switches initial balances on again."""

    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.LostBroadcasts(lies.TRANSFER), lies.Fees(times=1000, kinds=(lies.TRANSFER,)))
        await world.sign_up("alice-1", "bob-1")
        await world.reach(State.REGISTERED)
        await world.restart(enable_initial_balance=False)
        world.relay.heal()
        await world.blocks(20)
        assert await world.ledger.operators.owed() == 2
        assert (await world.totals()).paid == {}
        assert await world.ledger.operators.waive(by="ann", reason="no more balances") == 2
        await world.recovered()
        assert await world.ledger.operators.owed() == 0
