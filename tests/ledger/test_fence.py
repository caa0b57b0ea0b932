"""The fence: a write of the chain's owner carries its epoch, and none of an earlier one is kept."""

from pathlib import Path

import pytest

from jobs.ledger import DeposedError, Ledger
from tests.harness.ledgers import FREE, opened, raw, signup

pytestmark = pytest.mark.usefixtures("each_engine")

NEXT_EPOCH = "UPDATE ledger SET epoch = epoch + 1"


async def begin_epoch(ledger: Ledger) -> None:
    await ledger._store.execute(NEXT_EPOCH)


async def test_owner_writes_in_its_epoch(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.as_owner(0).pauses.auto_pause("the balance is low")
        assert (await ledger.pauses.active())["drain"].reason == "the balance is low"


async def test_owner_of_an_earlier_epoch_writes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger, opened(tmp_path) as other:
        owned = ledger.as_owner(0)
        await begin_epoch(other)
        with pytest.raises(DeposedError):
            await owned.pauses.auto_pause("the balance is low")
        assert await ledger.pauses.active() == {}


async def test_whoever_is_no_owner_writes_in_any_epoch(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await begin_epoch(ledger)
        assert (await ledger.signups.accept(signup("alice-1"), FREE)).signup.name == "alice-1"


async def test_watchers_hear_of_what_the_owner_moves(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("alice-1"), FREE)
        with ledger.changes.watch(job.id) as watch:
            await ledger.as_owner(0).operators.cancel([job.id], by="ann", reason="a test")
            assert await watch.changed(0)


async def test_ledger_has_one_row_of_the_owner(tmp_path: Path) -> None:
    async with opened(tmp_path):
        assert raw(tmp_path, "SELECT epoch, owner, process, until FROM ledger") == [(0, None, None, 0)]
