"""Following blocks: forks, expiry, and which transactions are signed again."""

from pathlib import Path

import pytest

from chain.errors import UnfitNode
from chain.node import Block
from devchain import ChainParameters, Fault, FaultKind
from jobs.blocks.tracker import CHUNK
from jobs.ledger.blocks import REWIND
from jobs.model.job import State
from tests.harness.chain_harness import LAG, ChainSide, chain_side
from tests.harness.flavours import has_results
from tests.harness.program import keys_of

pytestmark = pytest.mark.usefixtures("both_flavours")


async def balances(side: ChainSide, *names: str) -> list[int]:
    """What each account has, satoshi."""
    accounts = await side.node.accounts(names)
    return [await side.node.balance(account.id) for account in accounts if account is not None]


async def test_transaction_is_on_disk_before_broadcast(tmp_path: Path) -> None:
    """At the moment of the broadcast another connection to the file reads it, with its jobs and expiration."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1")
        rows_at_broadcast = []
        send = side.node.broadcast

        async def look_and_send(body: str) -> None:
            (transaction,) = await side.ledger.drain.live()
            rows_at_broadcast.append((transaction.body == body, len(transaction.jobs), transaction.expiration > 0))
            await send(body)

        side.node.broadcast = look_and_send  # type: ignore[method-assign]  # to look at that moment
        await side.drainer.drain()
        assert rows_at_broadcast == [(True, 1, True)]


async def test_irreversible_block_is_read_once(tmp_path: Path) -> None:
    async with chain_side(tmp_path, parameters=ChainParameters(maximum_transaction_size=2048)) as side:
        await side.block()
        await side.accept(*(f"many-{number}" for number in range(40)))
        await side.drainer.drain()
        assert len(await side.ledger.drain.live()) > 2
        side.chain.control.produce(1 + LAG)
        side.node.calls.clear()
        await side.tracker.follow()
        assert set(await side.states()) == {State.DONE}
        assert side.node.calls["get_block"] == 1 + LAG + 1


async def test_no_block_is_read_for_what_has_not_expired(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1")
        await side.drainer.drain()
        side.node.calls.clear()
        await side.tracker.follow()
        assert side.node.calls["get_block"] == 0


async def test_long_catch_up_is_noted_while_it_lasts(tmp_path: Path) -> None:
    """Else the chain would seem to stand still until the last of many blocks is read."""
    noted: list[int] = []
    async with chain_side(tmp_path) as side:
        await side.block()

        async def note() -> None:
            last = await side.ledger.blocks.last()
            noted.append(0 if last is None else last[0])

        side.tracker._on_read = note
        side.chain.control.produce(3 * CHUNK)
        head = await side.tracker.follow()
        assert len(noted) >= 3
        assert noted == sorted(noted)
        assert noted[-1] == head.number


async def test_expiration_uses_chain_time(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block(500)
        head = await side.node.head()
        await side.accept("alice-1")
        await side.drainer.drain()
        (transaction,) = await side.ledger.drain.live()
        assert transaction.expiration == head.time + 60


async def test_lost_broadcast_is_resent_byte_for_byte(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1")
        side.chain.faults.add(Fault("broadcast_transaction", FaultKind.DROP_BEFORE))
        await side.drainer.drain()
        (before,) = await side.ledger.drain.live()
        await side.link.wait_connected()
        await side.drainer.drain()
        assert await side.ledger.drain.live() == [before]
        await side.block()
        assert await side.states() == [State.REGISTERED]


async def test_no_second_signature_before_expiration_is_irreversible(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1")
        (transaction,) = await lost(side)
        await side.block(60 + LAG)
        assert await side.ledger.drain.live() == [transaction]
        await side.block(2)
        assert await side.states() == [State.QUEUED]
        await side.drainer.drain()
        await side.block()
        assert await side.states() == [State.REGISTERED]
        assert (await side.job("alice-1")).attempts == 2


async def lost(side: ChainSide) -> list[object]:
    """Sign and record what is queued, without it ever reaching the node."""

    async def lose(_: str) -> None:
        """The bytes are lost silently."""

    send = side.node.broadcast
    side.node.broadcast = lose  # type: ignore[method-assign, assignment]  # a broadcast that is swallowed
    await side.drainer.drain()
    side.node.broadcast = send  # type: ignore[method-assign]
    return list(await side.ledger.drain.live())


async def test_missed_inclusion_is_found_before_expiry(tmp_path: Path) -> None:
    """The blocks since its reference block are read again, whatever was followed before."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1", balance="2")
        await side.drainer.drain()
        read = side.node.block

        async def empty_block(number: int) -> Block | None:
            block = await read(number)
            return None if block is None else Block(block.number, block.previous, block.time, ())

        side.node.block = empty_block  # type: ignore[method-assign]  # a node that hides what is in its blocks
        await side.block(40)
        side.node.block = read  # type: ignore[method-assign]
        assert await side.states() == [State.BROADCAST]
        await side.block(40)
        await side.block()
        job = await side.job("alice-1")
        assert (job.attempts, job.account_id is not None) == (1, True)


async def test_orphaned_registration_returns_with_another_id(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("first-1", balance="2")
        await side.drainer.drain()
        await side.accept("second-1", balance="3")
        await side.drainer.drain()
        await side.block()
        before = (await side.job("first-1")).account_id
        await side.drainer.drain()
        side.chain.control.orphan(1, keep=True, reverse=True)
        await side.block()
        assert (await side.job("first-1")).account_id != before
        for _ in range(3):
            await side.drainer.drain()
            await side.block(60 + LAG)
        await side.drainer.drain()
        await side.block(2)
        await side.block(LAG)
        assert await side.states() == [State.DONE] * 2
        assert await balances(side, "first-1", "second-1") == [200_000, 300_000]


async def test_permanently_orphaned_registration_is_signed_again(tmp_path: Path) -> None:
    """Its block is orphaned along with the transaction: the same bytes are sent again, and accepted."""

    async with chain_side(tmp_path) as side:
        await side.block()
        await side.accept("alice-1")
        await side.drainer.drain()
        await side.block()
        side.chain.control.orphan(1, keep=False)
        await side.block()
        assert await side.states() == [State.BROADCAST]
        assert (await side.job("alice-1")).account_id is None
        await side.block(4)
        await side.drainer.drain()
        await side.block()
        assert await side.states() == [State.REGISTERED]
        assert (await side.job("alice-1")).attempts == 1


async def test_funding_cannot_outlive_the_block_of_its_account(tmp_path: Path) -> None:
    """A transfer refers to the account's block or a later one: on another fork the node refuses it."""

    async def scenario() -> None:
        async with chain_side(tmp_path) as side:
            await side.block()
            await side.accept("alice-1", balance="2")
            await side.drainer.drain()
            await side.block()
            await side.drainer.drain()
            if not has_results():  # the account's own block is irreversible before anything is paid
                assert await side.ledger.drain.live() == []
                return
            (transfer,) = await side.ledger.drain.live()
            job = await side.job("alice-1")
            assert transfer.reference >= (job.block_num or 0)
            side.chain.control.orphan(1, keep=True)
            await side.block()
            await side.drainer.drain()
            await side.block()
            assert await balances(side, "alice-1") == [0]

    await scenario()


async def test_names_in_orphaned_blocks_become_free(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        side.chain.control.register("stranger-1", keys_of("stranger")["owner_key"])
        await side.block()
        assert (await side.ledger.names.availability("stranger-1"))[0] is not None
        side.chain.control.orphan(1, keep=False)
        await side.block()
        assert (await side.ledger.names.availability("stranger-1"))[0] is None


async def test_shallow_fork_below_irreversible_is_followed(tmp_path: Path) -> None:
    """A node killed by SIGKILL may restart without its last blocks."""

    async with chain_side(tmp_path) as side:
        await side.block(20)
        await side.accept("alice-1")
        await side.drainer.drain()
        await side.block()
        side.chain.control.orphan(15, keep=True)
        await side.block(3)
        await side.block(90)  # its reference block is gone for good, so it expires
        await side.drainer.drain()
        await side.block()
        await side.block(LAG)
        assert (await side.ledger.blocks.last() or (0, ""))[0] == (await side.node.head()).number
        assert await side.states() == [State.DONE]


async def test_deep_fork_below_irreversible_is_refused(tmp_path: Path) -> None:
    """It was wiped and restarted, and is longer than the old one: only an operator can decide."""

    async with chain_side(tmp_path) as side:
        await side.accept("alice-1")
        await side.block(3 * LAG + REWIND)
        await side.drainer.drain()
        await side.block()
        last = await side.ledger.blocks.last()
        assert last is not None
        side.chain.control.orphan(last[0], keep=False)
        side.chain.control.produce(last[0] + 5)
        for _ in range(2):
            with pytest.raises(UnfitNode, match=r"another block .* use a new ledger; .* faucet\.py refollow"):
                await side.tracker.follow()
            assert "another block" in (side.tracker.obstacle or "")
        await side.ledger.operators.refollow(by="ann")
        await side.tracker.follow()
        assert side.tracker.obstacle is None
