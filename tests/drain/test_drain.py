"""Drains, one at a time, against a dev chain that makes blocks only on demand."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from devchain import ChainParameters
from jobs.drain.sender import RESEND_AFTER
from jobs.errors import Code, FaucetError
from jobs.model.job import State
from jobs.model.transaction import SignedTransaction, WholeTransaction
from tests.harness.chain_harness import LAG, chain_side

pytestmark = pytest.mark.usefixtures("both_flavours")

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

        async def recorded(signed: Sequence[SignedTransaction], budget: int | None = None) -> list[WholeTransaction]:
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

            async def fails_later(
                signed: Sequence[SignedTransaction], budget: int | None = None
            ) -> list[WholeTransaction]:
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
