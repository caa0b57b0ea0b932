"""A ledger restored from a backup pays nobody twice, however old the backup is."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from jobs.model.job import State
from tests.harness.chain_harness import LAG, ChainSide, chain_side, give, on_dev_chain
from tests.harness.chain_totals import read_totals

pytestmark = pytest.mark.usefixtures("both_flavours")

BALANCE = "2.5"


def back_up(folder: Path, name: str) -> Path:
    """A copy of the ledger in `folder` as it is now, in a folder of its own."""
    copy = folder / name
    copy.mkdir()
    with closing(sqlite3.connect(folder / "faucet.db")) as source, closing(sqlite3.connect(copy / "faucet.db")) as to:
        source.backup(to)
    return copy


async def register(side: ChainSide, name: str) -> None:
    """Bring the account of a new signup into a block, unpaid."""
    await side.block(LAG + 2)
    await side.accept(name, balance=BALANCE)
    await side.drainer.drain()
    await side.block()


async def run_to_the_end_with_backups(side: ChainSide, folder: Path) -> list[Path]:
    """Register and pay, with a backup after each step."""
    steps = [side.drainer.drain, side.block, side.drainer.drain, side.block, side.block]
    backups = [back_up(folder, "accepted")]
    for number, step in enumerate(steps):
        await step()
        backups.append(back_up(folder, f"step-{number}"))
    await side.finish()
    await side.block(2 * LAG)
    return backups


async def test_ledger_restored_from_any_backup_pays_nobody_twice(tmp_path: Path) -> None:
    names = ["alice-1", "bob-1", "carol-1"]

    async with chain_side(tmp_path) as side:
        await side.block(LAG + 2)
        await side.accept(*names, balance=BALANCE)
        backups = await run_to_the_end_with_backups(side, tmp_path)
        before = await read_totals(side.node)
        assert [before.paid[before.ids[name]] for name in names] == [1, 1, 1]
        for backup in backups:
            async with on_dev_chain(side.chain, backup) as restored:
                await restored.tracker.follow()
                await restored.finish()
                after = await read_totals(restored.node)
                assert after.paid == before.paid
                assert after.registered == before.registered
                assert after.spent == before.spent


async def test_payment_orphaned_by_a_fork_is_repeated(tmp_path: Path) -> None:
    """A payment imported from a block is a transaction like any other."""

    async with chain_side(tmp_path) as side:
        await register(side, "alice-1")
        backup = back_up(tmp_path, "registered")
        await side.payable()
        await side.drainer.drain()
        await side.block()
        async with on_dev_chain(side.chain, backup) as restored:
            await restored.tracker.follow()
            assert (await restored.job("alice-1")).state is State.FUNDED
            side.chain.control.orphan(1)
            await restored.finish()
            totals = await read_totals(restored.node)
            assert totals.paid[totals.ids["alice-1"]] == 1


async def test_manual_transfer_is_not_the_initial_balance(tmp_path: Path) -> None:
    """The registrar's owner may send something to a new account; its initial balance is still due."""

    async with chain_side(tmp_path) as side:
        await register(side, "alice-1")
        await give(side, "alice-1", 1_00000)
        await side.block()
        assert (await side.job("alice-1")).state is State.REGISTERED
        await side.finish()
        totals = await read_totals(side.node)
        assert totals.amounts[totals.ids["alice-1"]] == 3_50000
