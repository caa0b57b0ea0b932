"""What a drain does about refusals and other failures."""

from pathlib import Path
from typing import Any

import pytest

from devchain import Fault, FaultKind
from jobs.errors import Code
from jobs.model.job import Limits, Signup, State
from tests.harness.chain_harness import LAG, ChainSide, chain_side
from tests.harness.program import keys_of
from tests.harness.support import data

pytestmark = pytest.mark.usefixtures("both_flavours")

ERRORS: dict[str, Any] = data("node-errors.json")


def refuse_once(side: ChainSide, case: str, times: int = 1) -> None:
    """Let the node refuse the next broadcasts as in the recorded `case`."""
    side.chain.faults.add(Fault("broadcast_transaction", FaultKind.REFUSE, times=times, error=ERRORS[case]["error"]))


async def test_name_taken_between_lookup_and_broadcast(tmp_path: Path) -> None:
    """The rejected one fails alone; its neighbours go again at once, and no try is counted against them."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("free-1", "taken-1", "free-2")
        required_fees = side.node.required_fees

        async def look_then_lose(operations: Any) -> list[int]:
            side.chain.control.register("taken-1", keys_of("other")["owner_key"])
            return await required_fees(operations)

        side.node.required_fees = look_then_lose  # type: ignore[method-assign]  # what happens between two calls
        await side.drainer.drain()
        assert await side.states() == [State.BROADCAST, State.QUEUED, State.BROADCAST]
        side.node.required_fees = required_fees  # type: ignore[method-assign]
        await side.drainer.drain()
        await side.block()
        assert await side.states() == [State.REGISTERED, State.FAILED, State.REGISTERED]
        assert (await side.job("taken-1")).code == Code.ACCOUNT_EXISTS
        assert [(await side.job(name)).attempts for name in ("free-1", "free-2")] == [1, 1]


async def test_account_with_our_keys_on_the_chain_counts_as_registered(tmp_path: Path) -> None:
    """Same name and keys: it is ours, from an earlier attempt; final once an irreversible block has it."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("mine-1")
        await side.drainer.drain()
        (transaction,) = await side.ledger.drain.live()
        await side.ledger.drain.refuse(transaction, rejected={})
        await side.drainer.drain()
        job = await side.job("mine-1")
        assert (job.state, job.transaction_id) == (State.REGISTERED, None)
        await side.block()
        await side.block(LAG + 2)
        assert await side.states() == [State.DONE]
        assert (await side.job("mine-1")).account_id == (await side.node.accounts(["mine-1"]))[0].id  # type: ignore[union-attr]


@pytest.mark.parametrize("case", ["bad name 'Bad-Name1'", "unknown op number"])
async def test_unattributed_refusal_is_bisected(tmp_path: Path, case: str) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(*(f"half-{number}" for number in range(8)))
        refuse_once(side, case, times=3)
        await side.drainer.drain()
        await side.block()
        assert await side.states() == [State.REGISTERED] * 8


async def test_registrar_problem_pauses_the_drain_with_its_reason(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("wait-1")
        troubles: list[tuple[str, tuple[Any, ...], tuple[Any, ...], str]] = [
            ("set_member", ("faucet", False), ("faucet", True), "not a lifetime member"),
            ("set_balance", ("faucet", 5), ("faucet", 10**9), "does not pay"),
        ]
        for method, break_it, mend_it, reason in troubles:
            getattr(side.chain.control, method)(*break_it)
            await side.drainer.drain()
            assert reason in (await side.ledger.pauses.active())["drain"].reason
            assert await side.states() == [State.QUEUED]
            getattr(side.chain.control, method)(*mend_it)
        await side.drainer.drain()
        assert await side.ledger.pauses.active() == {}
        assert await side.states() == [State.BROADCAST]


async def test_operator_pause_outlasts_drains(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("wait-1")
        await side.ledger.operators.pause("drain", by="operator", reason="maintenance")
        await side.drainer.drain()
        assert await side.states() == [State.QUEUED]
        await side.ledger.operators.resume("drain", by="operator")
        await side.drainer.drain()
        assert await side.states() == [State.BROADCAST]


async def test_missing_configured_account_pauses_the_drain(tmp_path: Path) -> None:
    async with chain_side(tmp_path, settings={"proxy": "nobody-1"}) as side:
        await side.block()
        await side.accept("wait-1")
        await side.drainer.drain()
        assert "no account nobody-1" in (await side.ledger.pauses.active())["drain"].reason
        side.chain.control.register("nobody-1", keys_of("other")["owner_key"])
        await side.drainer.drain()
        assert await side.ledger.pauses.active() == {}
        assert await side.states() == [State.BROADCAST]


async def test_keys_with_a_foreign_prefix_fail_alone(tmp_path: Path) -> None:
    """They may have been accepted before the faucet first reached its chain."""

    async with chain_side(tmp_path) as side:
        await side.block()
        foreign = {field: "BTS" + key.removeprefix("TEST") for field, key in keys_of("far-1").items()}
        limits = Limits(queue=10)
        await side.ledger.signups.accept(Signup("far-1", **foreign), limits)
        await side.accept("near-1")
        await side.drainer.drain()
        assert await side.states() == [State.FAILED, State.BROADCAST]
        assert (await side.job("far-1")).code == Code.INVALID_KEY


async def test_unexpected_drain_error_is_reported_and_survived(tmp_path: Path) -> None:
    """An unforeseen error pauses the drain and is reported; the drain resumes by itself once the error is gone."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("late-1")
        accounts = side.node.accounts

        async def fail(_: Any) -> Any:
            side.drainer.stop()
            raise ZeroDivisionError

        side.node.accounts = fail  # type: ignore[method-assign, assignment]  # a fault that no part of ours has
        side.drainer.wake()
        await side.drainer.run()
        assert "its log" in (await side.ledger.pauses.active())["drain"].reason
        side.node.accounts = accounts  # type: ignore[method-assign]
        await side.drainer.drain()
        assert await side.ledger.pauses.active() == {}
        assert await side.states() == [State.BROADCAST]
