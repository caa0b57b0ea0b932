"""The ledger compared with the chain's blocks, and rebuilt from them."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jobs.blocks.reconcile import Reconciler, Step
from jobs.blocks.transactions import RegistrarTransaction
from jobs.ledger.backup import back_up
from jobs.model.job import Job, Limits, Signup, State
from jobs.settings import Settings
from tests.harness.chain_harness import LAG, ChainSide, chain_side, give, on_dev_chain
from tests.harness.chain_totals import read_totals
from tests.harness.program import REGISTRAR_WIF, keys_of

pytestmark = pytest.mark.usefixtures("both_flavours")

BALANCE = "2.5"
NAMES = ("alice-1", "bob-1")
FORGET_PAYMENT = """
    UPDATE jobs SET funding = 1;
    DELETE FROM operations WHERE txn = 2;
    DELETE FROM transactions WHERE number = 2
"""


def reconciler(side: ChainSide) -> Reconciler:
    settings = Settings(witness_url=(side.chain.url,), wif=REGISTRAR_WIF)
    return Reconciler(
        node=side.node,
        reconciliation=side.ledger.reconciliation,
        pins=side.ledger.pins,
        chain_status=side.ledger.chain_status,
        confirmed=side.confirmed,
        settings=settings,
    )


async def reconcile(side: ChainSide, first: int | None = None, *, rebuild: bool = False) -> list[Step]:
    return [step async for step in reconciler(side).steps(first, rebuild=rebuild)]


async def found(side: ChainSide) -> list[tuple[str, str]]:
    return [(difference.kind, difference.about) for difference in await side.ledger.reconciliation.differences()]


async def finish(side: ChainSide) -> None:
    """Let every job end, and its blocks be irreversible."""
    await side.finish()
    await side.block(LAG)


async def registered_and_paid(side: ChainSide, *names: str) -> None:
    await side.block(LAG + 2)
    await side.accept(*names, balance=BALANCE)
    await finish(side)


def sql(folder: Path, script: str) -> None:
    with closing(sqlite3.connect(folder / "faucet.db")) as connection:
        connection.executescript(script)


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "faucet.db")) as connection:
        return connection.execute(query).fetchall()


def shape(job: Job) -> tuple[Any, ...]:
    """All columns of a job but its own id and times."""
    return (
        job.signup, job.state, job.account_id, job.transaction_id, job.block_num, job.irreversible,
        job.initial_balance, job.attempts,
    )  # fmt: skip


async def test_matching_ledger_has_no_differences(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, *NAMES)
        steps = await reconcile(side)
        head = await side.node.head()
        assert (steps[-1].block, steps[-1].last, steps[-1].differences) == (head.irreversible, head.irreversible, 0)
        last = await side.ledger.reconciliation.latest()
        assert last is not None
        assert (last.last_block, last.registrations, last.payments) == (head.irreversible, 2, 2)
        side.node.calls.clear()
        await side.block(3)
        await reconcile(side)
        await reconcile(side)
        assert side.node.calls["get_block"] <= 3 + LAG


async def test_lost_ledger_is_rebuilt_from_the_chain(tmp_path: Path) -> None:
    """Every job is back but for its id, repeated signups find theirs, and nothing is paid again."""

    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, *NAMES)
        totals = await read_totals(side.node)
        async with on_dev_chain(side.chain, tmp_path / "new") as new:
            await reconcile(new, 1)
            assert set(await found(new)) == {("unknown_account", name) for name in NAMES}
            steps = await reconcile(new, 1, rebuild=True)
            assert steps[-1].recovered == 2 * len(NAMES)
            assert await found(new) == []
            for name in NAMES:
                assert shape(await new.job(name)) == shape(await side.job(name))
                repeated = await new.ledger.signups.accept(
                    Signup(name, **keys_of(name)), Limits(100, initial_balance=BALANCE)
                )
                assert repeated.id == (await new.job(name)).id
            await new.tracker.follow()
            await new.drainer.drain()
            await new.block(2)
            assert (await read_totals(new.node)).spent == totals.spent
        columns = "kind, id, signature, body, reference, expiration, fate, block_num"
        query = f"SELECT {columns} FROM transactions ORDER BY signature"
        assert rows(tmp_path / "new", query) == rows(tmp_path, query)


async def test_new_ledger_begins_where_it_met_the_chain(tmp_path: Path) -> None:
    """What the registrar does from there on, and no transaction of the ledger did, is another faucet's."""

    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, *NAMES)
        async with on_dev_chain(side.chain, tmp_path / "new") as new:
            (step,) = await reconcile(new)
            assert step.block == step.last == (await new.node.head()).irreversible
            await registered_and_paid(side, "carol-1")
            await new.tracker.follow()
            steps = await reconcile(new)
            assert (steps[-1].foreign, steps[-1].differences, await found(new)) == (2, 0, [])
            await reconcile(new, 1)
            assert set(await found(new)) == {("unknown_account", name) for name in NAMES}
            assert await new.ledger.reconciliation.foreign_count() == 2


async def test_restored_ledger_lacks_what_came_since_its_backup(tmp_path: Path) -> None:
    """And another faucet's operations before and after that are still no differences."""

    async with chain_side(tmp_path) as side, on_dev_chain(side.chain, tmp_path / "other") as other:
        for faucet, name in ((side, "alice-1"), (other, "before-1")):
            await faucet.tracker.follow()
            await registered_and_paid(faucet, name)
        await side.tracker.follow()
        (tmp_path / "old").mkdir()
        back_up(tmp_path / "faucet.db", tmp_path / "old" / "faucet.db")
        await registered_and_paid(side, "bob-1")
        async with on_dev_chain(side.chain, tmp_path / "old") as restored:
            await restored.tracker.follow()
            await registered_and_paid(other, "after-1")
            await restored.tracker.follow()
            await reconcile(restored)
            assert await found(restored) == [("unknown_account", "bob-1")]
            await reconcile(restored, 1, rebuild=True)
            assert await found(restored) == []


async def test_block_is_compared_once_the_ledger_followed_it(tmp_path: Path) -> None:
    """Before that it does not know yet what became of its transactions."""

    async with chain_side(tmp_path) as side:
        await side.block(LAG + 2)
        await side.accept("alice-1")
        await side.drainer.drain()
        side.chain.control.produce(2 * LAG)
        for rebuild in (True, False):
            await reconcile(side, 1, rebuild=rebuild)
            assert await found(side) == []
        await side.tracker.follow()
        steps = await reconcile(side, 1)
        assert (steps[-1].block, await found(side)) == ((await side.node.head()).irreversible, [])
        sql(tmp_path, "UPDATE jobs SET account_id = '1.2.9999'")
        await reconcile(side, 1)
        assert await found(side) == [("other_account", "alice-1")]


async def test_payment_by_hand_is_no_difference(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, "alice-1")
        await give(side, "alice-1", 7)
        await side.block(LAG + 1)
        steps = await reconcile(side)
        assert (steps[-1].foreign, await found(side)) == (1, [])


async def test_old_backup_recovers_later_accounts(tmp_path: Path) -> None:
    """A job queued in the backup becomes the registered one; a later job is created anew."""

    async with chain_side(tmp_path) as side:
        await side.block(LAG + 2)
        await side.accept("alice-1", balance=BALANCE)
        old = tmp_path / "old"
        old.mkdir()
        sql(tmp_path, f"VACUUM INTO '{old / 'faucet.db'}'")
        await side.accept("bob-1", balance=BALANCE)
        await finish(side)
        async with on_dev_chain(side.chain, old) as restored:
            before = await restored.job("alice-1")
            await reconcile(restored, 1, rebuild=True)
            after = await restored.job("alice-1")
            assert (after.id, after.state, after.account_id) == (
                before.id, State.DONE, (await side.job("alice-1")).account_id,
            )  # fmt: skip
            assert (await restored.job("bob-1")).state is State.DONE
            assert await found(restored) == []


async def test_rebuild_fails_a_queued_job_whose_name_is_taken(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, "alice-1")
        async with on_dev_chain(side.chain, tmp_path / "new") as new:
            (other,) = await new.accept("alice-1", password="other")
            await reconcile(new, 1, rebuild=True)
            failed = await new.ledger.queries.job(other.id)
            assert failed is not None
            assert (failed.state, failed.code) == (State.FAILED, "account_exists")
            assert shape(await new.job("alice-1")) == shape(await side.job("alice-1"))


@pytest.mark.parametrize(
    ("script", "difference"),
    [
        ("UPDATE jobs SET account_id = '1.2.9999' WHERE name = 'alice-1'", ("other_account", "alice-1")),
        ("UPDATE jobs SET funding = NULL, initial_balance = NULL WHERE name = 'alice-1'", ("paid_twice", "alice-1")),
        ("UPDATE transactions SET fate = 'expired', block_num = NULL WHERE kind = 'funding'", ("given_up", "id")),
        ("UPDATE transactions SET block_num = block_num + 1 WHERE kind = 'registration'", ("not_there", "id")),
        (FORGET_PAYMENT, ("unknown_payment", "alice-1")),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
async def test_each_disagreement_is_found(tmp_path: Path, script: str, difference: tuple[str, str]) -> None:
    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, "alice-1")
        ids = dict(rows(tmp_path, "SELECT kind, id FROM transactions"))
        sql(tmp_path, f"PRAGMA foreign_keys = OFF; {script}")
        await reconcile(side, 1)
        kind, about = difference
        if about == "id":
            about = ids["funding" if kind == "given_up" else "registration"]
        assert await found(side) == [(kind, about)]


async def test_resolved_difference_disappears(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, "alice-1")
        account_id = (await side.job("alice-1")).account_id
        sql(tmp_path, "UPDATE jobs SET account_id = '1.2.9999'")
        await reconcile(side, 1)
        assert await side.ledger.reconciliation.difference_count() == 1
        sql(tmp_path, f"UPDATE jobs SET account_id = '{account_id}'")
        await reconcile(side, 1)
        assert await side.ledger.reconciliation.difference_count() == 0


async def test_each_transaction_is_read_once_however_many_accounts_it_registers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With hundreds of them, reading it again for each takes a minute for twenty thousand accounts."""
    names = [f"crowd-{number}" for number in range(20)]
    read: Counter[str] = Counter()
    accounts = vars(RegistrarTransaction)["accounts"].fget

    def counted(entry: RegistrarTransaction) -> Any:
        read[entry.signature] += 1
        return accounts(entry)

    async with chain_side(tmp_path) as side:
        await registered_and_paid(side, *names)
        monkeypatch.setattr(RegistrarTransaction, "accounts", property(counted))
        await reconcile(side)
        assert await found(side) == []
    assert set(read.values()) == {1}
    assert len(read) < len(names)
