"""A drain that goes on with what waits behind its first jobs."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from devchain import ChainParameters
from jobs.model.job import Signup, State
from tests.harness.chain_harness import ChainSide, chain_side
from tests.harness.ledgers import FREE
from tests.harness.program import keys_of
from tests.harness.serving import turn

pytestmark = pytest.mark.usefixtures("both_flavours")

PAYS = {"enable_initial_balance": True, "initial_balance": Decimal(3)}
NAMES = [f"many-{number}" for number in range(5)]
ONE_EACH = ChainParameters(maximum_transaction_size=300)  #: room for one account in a transaction


@pytest.fixture(autouse=True)
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two jobs are read at once."""
    monkeypatch.setattr("jobs.drain.drainer.BATCH", 2)


def before_second_batch(side: ChainSide, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Awaitable[Any]]) -> None:
    """Do `act` once the first batch is on disk."""
    queued = side.ledger.drain.queued

    async def act_then_read(limit: int, *, after: int = 0) -> Any:
        if after:
            await act()
        return await queued(limit, after=after)

    monkeypatch.setattr(side.ledger.drain, "queued", act_then_read)


async def announced(side: ChainSide, blocks: int) -> None:
    """Return once more than so many `blocks` were announced."""
    while side.link.blocks <= blocks:
        await turn()


async def accounts_due(side: ChainSide) -> None:
    """Register accounts that are to be paid now, in a block that was announced."""
    await side.block()
    await side.accept(*NAMES, balance="3")
    await side.drainer.drain()
    blocks = side.link.blocks
    await side.block()
    await announced(side, blocks)
    await side.payable()


async def reconnect(side: ChainSide) -> None:
    """Leave the node, and return once there is another connection to it."""
    connection = side.link.epoch
    side.link.leave("test")
    while side.link.epoch == connection or not side.link.connected:
        await turn()


async def test_one_drain_registers_all_that_waits(tmp_path: Path) -> None:
    """It asks once what all have in common, and looks up each batch."""
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(*NAMES)
        side.node.calls.clear()
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 5}
        assert (side.node.calls["get_account_balances"], side.node.calls["get_required_fees"]) == (1, 1)
        await side.block()
        assert Counter(await side.states()) == {State.REGISTERED: 5}


async def test_one_drain_pays_all_that_is_due(tmp_path: Path) -> None:
    async with chain_side(tmp_path, settings=PAYS) as side:
        await accounts_due(side)
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.FUNDING: 5}
        await side.block()
        assert Counter(await side.states()) == {State.FUNDED: 5}


async def test_payments_end_in_time_for_registrations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_side(tmp_path, settings=PAYS) as side:
        await accounts_due(side)
        monkeypatch.setattr("jobs.drain.drainer.PAY_SECONDS", 0)
        await side.accept("late-1")
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.FUNDING: 2, State.REGISTERED: 3, State.BROADCAST: 1}


def before_each_payment(side: ChainSide, monkeypatch: pytest.MonkeyPatch, act: Callable[[int], Awaitable[Any]]) -> None:
    """Do `act` before what is due is read, given how often it was."""
    unfunded, reads = side.ledger.drain.unfunded, count()

    async def act_then_read(limit: int) -> Any:
        await act(next(reads))
        return await unfunded(limit)

    monkeypatch.setattr(side.ledger.drain, "unfunded", act_then_read)


async def test_payments_of_one_drain_go_through_one_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due after another node is in use may be that node's word."""
    async with chain_side(tmp_path, settings=PAYS) as side:
        await accounts_due(side)

        async def reconnect_later(before: int) -> None:
            if before == 1:
                await reconnect(side)

        before_each_payment(side, monkeypatch, reconnect_later)
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.FUNDING: 2, State.REGISTERED: 3}


async def test_payments_without_room_in_the_block_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_side(tmp_path, settings=PAYS) as side:
        await accounts_due(side)
        monkeypatch.setattr("jobs.drain.sender.MAX_BLOCK", 1)
        reads: list[int] = []

        async def note(before: int) -> None:
            reads.append(before)

        before_each_payment(side, monkeypatch, note)
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.FUNDING: 2, State.REGISTERED: 3}
        assert reads == [0, 1, 2]


async def test_drain_ends_in_time_for_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.drain.drainer.DRAIN_SECONDS", 0)
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(*NAMES)
        for sent in (2, 4, 5):
            await side.drainer.drain()
            assert Counter(await side.states())[State.BROADCAST] == sent


async def pause(side: ChainSide) -> None:
    await side.ledger.operators.pause("drain", by="ann", reason="Upgrade.")


async def stop(side: ChainSide) -> None:
    side.drainer.stop()


@pytest.mark.parametrize("end", [pause, stop])
async def test_drain_goes_on_with_no_more_once_it_is_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: Callable[[ChainSide], Awaitable[None]]
) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(*NAMES)
        required_fees = side.node.required_fees

        async def end_meanwhile(operations: Any) -> list[int]:
            await end(side)
            return await required_fees(operations)

        monkeypatch.setattr(side.node, "required_fees", end_meanwhile)
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 2, State.QUEUED: 3}


async def test_word_of_one_node_does_not_count_at_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fees, balance and accounts came from the node that was left."""
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept(*NAMES)
        before_second_batch(side, monkeypatch, lambda: reconnect(side))
        await side.drainer.drain()
        assert Counter(await side.states()) == {State.BROADCAST: 2, State.QUEUED: 3}


async def test_account_found_late_is_as_of_the_block_that_it_will_be_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks are made while a drain goes on; an earlier one would be final too early."""
    key = keys_of("own")["owner_key"]
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("first-1", "second-1")
        await side.ledger.signups.accept(Signup("own-1", key, key, key), FREE)

        async def register_it_elsewhere() -> None:
            side.chain.control.produce(3)
            side.chain.control.register("own-1", key)

        before_second_batch(side, monkeypatch, register_it_elsewhere)
        await side.drainer.drain()
        found = await side.job("own-1")
        assert (found.state, found.block_num) == (State.REGISTERED, (await side.node.head()).number + 1)


async def test_node_that_refuses_is_sent_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_side(tmp_path, parameters=ONE_EACH) as side:
        await side.block()
        await side.accept(*NAMES)
        side.node.calls.clear()
        required_fees = side.node.required_fees

        async def dearer_afterwards(operations: Any) -> list[int]:
            fees = await required_fees(operations)
            side.chain.control.set_parameters({"basic_fee": 10**7})
            return fees

        monkeypatch.setattr(side.node, "required_fees", dearer_afterwards)
        await side.drainer.drain()
        assert side.node.calls["broadcast_transaction"] == 2
        assert Counter(await side.states()) == {State.QUEUED: 5}


async def test_no_more_is_signed_than_a_node_can_soon_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.drain.sender.MAX_JOBS", 1)
    monkeypatch.setattr("jobs.drain.sender.MAX_UNANSWERED", 3)
    async with chain_side(tmp_path, parameters=ONE_EACH) as side:
        await side.block()
        await side.accept(*NAMES)
        broadcast, answers = side.node.broadcast, asyncio.Event()

        async def answer_later(body: str) -> None:
            await answers.wait()
            await broadcast(body)

        monkeypatch.setattr(side.node, "broadcast", answer_later)
        draining = asyncio.create_task(side.drainer.drain())
        while len(await side.ledger.drain.live()) < 3:
            await turn()
        for _ in range(20):  # time enough to sign the others
            assert len(await side.ledger.drain.live()) == 3
        answers.set()
        await draining
        await side.block()
        assert Counter(await side.states()) == {State.REGISTERED: 5}


async def test_block_is_not_filled_beyond_what_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Registrations that made a block of 14 MB kept the faucet from following any."""
    monkeypatch.setattr("jobs.drain.sender.MAX_BLOCK", 1)
    async with chain_side(tmp_path) as side:
        await side.block()
        await announced(side, 0)
        await side.accept(*NAMES)
        for sent in (2, 4, 5):
            for _ in range(2):
                await side.drainer.drain()
                assert Counter(await side.states())[State.QUEUED] == 5 - sent
            blocks = side.link.blocks
            await side.block()
            await announced(side, blocks)


async def test_what_is_sent_again_has_to_fit_a_block_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with chain_side(tmp_path, parameters=ONE_EACH) as side:
        await side.block()
        await announced(side, 0)
        await side.accept("alice-1", "bob-1")
        await side.drainer.drain()
        monkeypatch.setattr("jobs.drain.sender.MAX_BLOCK", 1)
        await reconnect(side)
        head = await side.node.head()
        for resent in (0, 1):
            await side.drainer._sender.resend(head)
            assert side.node.calls["broadcast_transaction"] == 2 + resent
            side.link.blocks += 1  # as at a notice
            await side.drainer._sender.resend(head)
            assert side.node.calls["broadcast_transaction"] == 3 + resent
