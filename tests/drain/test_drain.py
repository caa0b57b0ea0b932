"""Drains, one at a time, against a dev chain that makes blocks only on demand."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devchain import ChainParameters
from jobs.drain.sender import RESEND_AFTER
from jobs.errors import Code, FaucetError
from jobs.model.job import State
from jobs.model.transaction import SignedTransaction, Transaction
from jobs.settings.values import DailyBudget
from tests.harness.chain_harness import LAG, REGISTRAR, chain_side
from tests.harness.program import keys_of

pytestmark = pytest.mark.usefixtures("both_flavours")

FEE, TRANSFER_FEE = 514_160, 2_000_000  #: satoshi of an account and of a payment on a dev chain
ANY_FEE = {"max_account_fee": Decimal(1000)}
SMALL = ChainParameters(maximum_transaction_size=2048)


async def test_drain_makes_a_fixed_number_of_calls_and_one_per_transaction(tmp_path: Path) -> None:
    async with chain_side(tmp_path, parameters=SMALL) as side:
        costs = []
        for count in (1, 60):
            await side.block()
            side.node.calls.clear()
            await side.accept(*(f"cost-{count}-{number}" for number in range(count)))
            assert side.node.calls.total() == 0
            await side.drainer.drain()
            costs.append(Counter(side.node.calls))
        one, many = costs
        assert (one.pop("broadcast_transaction"), many.pop("broadcast_transaction")) == (1, 5)
        assert one == many
        assert one.total() == 5


async def test_idle_drains_make_no_calls(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.drainer.drain()
        side.node.calls.clear()
        await side.drainer.drain()
        assert side.node.calls.total() == 0
        await side.accept("alice-1")
        await side.drainer.drain()
        assert await side.states() == [State.BROADCAST]


async def test_long_queue_drains_without_waiting_for_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drains follow each other while jobs move, then stop."""
    monkeypatch.setattr("jobs.drain.drainer.BATCH", 2)

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(*(f"many-{number}" for number in range(5)))
        running = asyncio.create_task(side.drainer.run())
        side.drainer.wake()
        while set(await side.states()) != {State.BROADCAST}:
            """Asking is the waiting."""
        side.drainer.stop()
        await running


async def test_long_drain_is_written_ahead_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signups are accepted between them; what is written of each part is sent."""
    monkeypatch.setattr("jobs.drain.sender.MAX_JOBS", 24)
    async with chain_side(tmp_path, parameters=SMALL) as side:
        await side.block()
        await side.accept(*(f"part-{number}" for number in range(60)))
        record, sizes = side.ledger.drain.record_signed, []

        async def recorded(signed: Sequence[SignedTransaction], budget: int | None = None) -> list[Transaction]:
            sizes.append(sum(len(transaction.jobs) for transaction in signed))
            return await record(signed, budget)

        monkeypatch.setattr(side.ledger.drain, "record_signed", recorded)
        await side.drainer.drain()
        assert sum(sizes) == 60
        assert max(sizes) <= 24
        assert Counter(await side.states()) == {State.BROADCAST: 60}
        await side.block()
        assert Counter(await side.states()) == {State.REGISTERED: 60}


async def test_parts_before_a_failure_are_sent_by_the_next_drain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.drain.sender.MAX_JOBS", 24)
    async with chain_side(tmp_path, parameters=SMALL) as side:
        await side.block()
        await side.accept(*(f"part-{number}" for number in range(60)))
        record = side.ledger.drain.record_signed
        with monkeypatch.context() as patch:

            async def fails_later(signed: Sequence[SignedTransaction], budget: int | None = None) -> list[Transaction]:
                if await side.ledger.drain.live():
                    raise FaucetError(Code.LEDGER_UNAVAILABLE, "The disk is full.")
                return await record(signed, budget)

            patch.setattr(side.ledger.drain, "record_signed", fails_later)
            with pytest.raises(FaucetError):
                await side.drainer.drain()
        await side.drainer.drain()
        await side.block(RESEND_AFTER)
        await side.drainer.drain()
        await side.block()
        registered = Counter(await side.states())
        assert registered.total() == 60
        assert not {State.QUEUED, State.BROADCAST} & registered.keys()


async def test_registration_refers_to_an_irreversible_block(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block(LAG + 5)
        await side.accept("alice-1")
        await side.drainer.drain()
        (transaction,) = await side.ledger.drain.live()
        assert transaction.reference == (await side.node.head()).irreversible
        side.chain.control.orphan(4)
        await side.block()
        assert await side.states() == [State.REGISTERED]


@pytest.mark.parametrize("part", [3, 5, 500])
async def test_batch_stops_before_the_fee_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int) -> None:
    """Ten accounts go at the current fee; the eleventh waits until the chain reports the next one."""
    monkeypatch.setattr("jobs.drain.registration.MAX_JOBS", part)
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


@pytest.mark.parametrize("part", [2, 500])
async def test_no_more_is_sent_than_the_balance_pays_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setattr("jobs.drain.registration.MAX_JOBS", part)
    async with chain_side(tmp_path) as side:
        await side.block()
        side.chain.control.set_balance("faucet", 5 * FEE)
        await side.accept(*(f"poor-{number}" for number in range(8)))
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 5, State.QUEUED: 3}
        assert await side.node.balance(REGISTRAR) == 0


@pytest.mark.parametrize("part", [2, 500])
async def test_no_more_is_sent_than_the_budget_pays_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """What is promised to those that are registered counts too."""
    monkeypatch.setattr("jobs.drain.registration.MAX_JOBS", part)
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


async def test_job_cancelled_during_signing_is_not_sent(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        (job,) = await side.accept("late-1")
        required_fees = side.node.required_fees

        async def cancel_meanwhile(operations: Any) -> list[int]:
            await side.ledger.operators.cancel([job.id], by="operator", reason="by hand")
            return await required_fees(operations)

        side.node.required_fees = cancel_meanwhile  # type: ignore[method-assign]  # what happens between two calls
        await side.drainer.drain()
        assert await side.states() == [State.CANCELLED]
        assert side.node.calls["broadcast_transaction"] == 0


async def test_referrer_without_membership_is_replaced_by_the_default(tmp_path: Path) -> None:
    async with chain_side(tmp_path, settings={"default_referrer": "referrer"}) as side:
        await side.block()
        await side.accept("child-1")
        await side.drainer.drain()
        await side.block()
        side.chain.control.set_member("referrer", member=False)
        await side.accept("child-2")
        await side.drainer.drain()
        await side.block()
        assert await side.states() == [State.REGISTERED] * 2
        blocks = [await side.node.block(number) for number in (2, 3)]
        bodies = [block.transactions[0].operations[0][1] for block in blocks if block is not None]
        assert [body["referrer"] for body in bodies] == ["1.2.8", "1.2.7"]


async def test_every_transaction_reaches_a_legal_fate(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1", balance="1.5")
        await side.drainer.drain()
        await side.block()
        await side.payable()
        await side.drainer.drain()
        assert await side.states() == [State.FUNDING]
        await side.block()
        assert await side.states() == [State.FUNDED]
        await side.block(LAG)
        assert await side.states() == [State.DONE]
        assert await side.ledger.drain.live() == []
        assert await side.ledger.blocks.unfinalized(10**6) == []
        job = await side.job("alice-1")
        assert await side.node.balance(job.account_id or "") == 150_000


async def test_fork_during_a_drain_pays_nobody_else(tmp_path: Path) -> None:
    """The accounts' ids change after the drain has read them: what it then signs is valid on the old fork only."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("first-1", balance="2")
        await side.drainer.drain()
        await side.accept("second-1", balance="3")
        await side.drainer.drain()
        await side.block()
        accounts = side.node.accounts

        async def look_after_a_fork(names: Any) -> Any:
            side.node.accounts = accounts  # type: ignore[method-assign]
            side.chain.control.orphan(1, keep=True, reverse=True)
            await side.block()
            return await accounts(names)

        side.node.accounts = look_after_a_fork  # type: ignore[method-assign]  # what happens between two calls
        await side.drainer.drain()
        await side.block(60 + 2 * LAG)
        await side.finish()
        accounts = await side.node.accounts(["first-1", "second-1"])
        assert [await side.node.balance(account.id) for account in accounts if account] == [200_000, 300_000]
        assert await side.states() == [State.DONE] * 2
