"""What a drain's registrations cost: the fee, its step, and what balance and budget pay for."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devchain import ChainParameters
from jobs.model.job import State
from jobs.settings.values import DailyBudget
from tests.harness.chain_harness import REGISTRAR, chain_side
from tests.harness.program import keys_of

pytestmark = pytest.mark.usefixtures("both_flavours")

FEE, TRANSFER_FEE = 514_160, 2_000_000  #: satoshi of an account and of a payment on a dev chain
ANY_FEE = {"max_account_fee": Decimal(1000)}


@pytest.fixture(
    params=[("registration.MAX_JOBS", 3), ("registration.MAX_JOBS", 5), ("drainer.BATCH", 3), None], ids=str
)
def divided(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A drain prices its jobs in parts, or reads them in batches, or does all at once."""
    if request.param is not None:
        constant, size = request.param
        monkeypatch.setattr(f"jobs.drain.{constant}", size)


@pytest.mark.usefixtures("divided")
async def test_drain_stops_before_the_fee_step(tmp_path: Path) -> None:
    """Ten accounts go at the current fee; the eleventh waits until the chain reports the next one."""
    parameters = ChainParameters(accounts_per_fee_scale=10, account_fee_scale_bitshifts=4)
    async with chain_side(tmp_path, parameters=parameters, settings=ANY_FEE) as side:
        await side.block()
        await side.accept(*(f"step-{number:02}" for number in range(15)))
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 10, State.QUEUED: 5}
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 15}
        await side.block()
        assert Counter(await side.states()) == {State.REGISTERED: 15}


async def test_some_are_sent_before_others_are_priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.drain.registration.MAX_JOBS", 2)
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(*("part" + "-1" * number for number in range(1, 6)))  # each has another fee
        required_fees, live = side.node.required_fees, []

        async def note_live(operations: Any) -> list[int]:
            live.append(len(await side.ledger.drain.live()))
            return await required_fees(operations)

        side.node.required_fees = note_live  # type: ignore[method-assign]  # what happens between two calls
        await side.drainer.drain()
        assert live == [0, 1, 2]
        await side.block()
        assert await side.states() == [State.REGISTERED] * 5


async def test_node_is_asked_for_each_fee_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size and kind of a name make the fee."""
    monkeypatch.setattr("jobs.drain.registration.MAX_JOBS", 2)
    names = ["one-1", "two-1", "premium", "three-1", "another", "others-1"]
    async with chain_side(tmp_path, settings={"max_account_fee": Decimal(10_000)}) as side:
        await side.block()
        await side.accept(*names)
        required_fees, requested = side.node.required_fees, []

        async def note(operations: Any) -> list[int]:
            requested.append([msgspec.json.decode(each)[1]["name"] for each in operations])
            return await required_fees(operations)

        side.node.required_fees = note  # type: ignore[method-assign]  # what it is asked for
        await side.drainer.drain()
        assert requested == [["two-1"], ["premium", "three-1"], ["others-1"]]
        await side.block()
        assert await side.states() == [State.REGISTERED] * len(names)


@pytest.mark.usefixtures("divided")
async def test_no_more_is_sent_than_the_balance_pays_for(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        side.chain.control.set_balance("faucet", 5 * FEE)
        await side.accept(*(f"poor-{number}" for number in range(8)))
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 5, State.QUEUED: 3}
        assert await side.node.balance(REGISTRAR) == 0


@pytest.mark.usefixtures("divided")
async def test_no_more_is_sent_than_the_budget_pays_for(tmp_path: Path) -> None:
    """What is promised to those that are registered counts too."""
    each = FEE + 3 * 10**5 + TRANSFER_FEE
    budget = {"daily_budget": DailyBudget(Decimal(5 * each).scaleb(-5))}
    pays = {"enable_initial_balance": True, "initial_balance": Decimal(3)}
    async with chain_side(tmp_path, settings={**budget, **pays}) as side:
        await side.block()
        await side.accept(*(f"poor-{number}" for number in range(8)), balance="3")
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 5, State.QUEUED: 3}


async def test_fee_step_caused_by_others_is_paid(tmp_path: Path) -> None:
    """The node refuses what straddles the step; jobs before it go at once, the others with the next drain."""

    parameters = ChainParameters(accounts_per_fee_scale=5, account_fee_scale_bitshifts=1)
    async with chain_side(tmp_path, parameters=parameters) as side:
        await side.block()
        await side.accept(*(f"race-{number}" for number in range(4)))
        required_fees = side.node.required_fees

        async def look_then_lose(operations: Any) -> list[int]:
            fees = await required_fees(operations)
            for number in range(3):
                side.chain.control.register(f"other-{number}", keys_of("other")["owner_key"])
            return fees

        side.node.required_fees = look_then_lose  # type: ignore[method-assign]  # what happens between two calls
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 2, State.QUEUED: 2}
        assert [(await side.job(f"race-{number}")).attempts for number in range(4)] == [1, 1, 0, 0]
        side.node.required_fees = required_fees  # type: ignore[method-assign]
        await side.drainer.drain()
        await side.block()
        assert await side.states() == [State.REGISTERED] * 4


async def test_fee_above_the_ceiling_is_not_paid(tmp_path: Path) -> None:
    async with chain_side(tmp_path, settings={"max_account_fee": Decimal(5)}) as side:
        await side.block()
        await side.accept("dear-1")
        await side.drainer.drain()
        assert "max_account_fee" in (await side.ledger.pauses.active())["drain"].reason
        assert await side.states() == [State.QUEUED]
        assert await side.node.balance(REGISTRAR) == 10_000_000 * 10**5
