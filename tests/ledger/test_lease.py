"""The lease: one owner an epoch, whatever two candidates do and clocks say, and none of an earlier epoch writes."""

import asyncio
from pathlib import Path
from typing import TypeVar

import pytest

from jobs.ledger import DeposedError, Ledger
from jobs.model.owner import Candidate, Holder
from tests.harness.ledgers import START, Clock, opened, raw

pytestmark = pytest.mark.usefixtures("each_engine")

LEASE = 10.0  #: seconds
ANN, BOB = Candidate("ann", "process-1"), Candidate("bob", "process-2")

T = TypeVar("T")


async def take(ledger: Ledger, candidate: Candidate, *gone: str) -> int | None:
    return await ledger.lease.acquire(candidate, LEASE, gone=lambda process: process in gone)


async def test_first_candidate_owns_the_chain(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert await take(ledger, ANN) == 1
        holder = await ledger.lease.holder()
        assert holder == Holder(1, "ann", "process-1", int((START + LEASE) * 1000))
        assert await take(ledger, BOB) is None
        assert await ledger.lease.holder() == holder


async def test_lease_that_is_renewed_lasts(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        for _ in range(5):
            clock.now += LEASE - 1
            await owned.lease.renew(LEASE)
            assert await take(ledger, BOB) is None
        clock.now += LEASE
        assert await take(ledger, BOB) == 2


async def test_owner_renews_a_lease_that_ran_out_if_nobody_took_it(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        clock.now += 2 * LEASE
        await owned.lease.renew(LEASE)
        assert await take(ledger, BOB) is None


async def test_lease_that_is_given_back_is_free_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        await owned.lease.give_back()
        assert await ledger.lease.holder() == Holder(1, None, None, int(START * 1000))
        assert await take(ledger, BOB) == 2


async def test_owner_writes_nothing_after_it_gave_the_lease_back(tmp_path: Path) -> None:
    """Though nobody else owns the chain yet: somebody may before the next statement."""
    async with opened(tmp_path) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        await owned.lease.give_back()
        assert owned.deposed.is_set()
        for write in (owned.pauses.auto_pause("x"), owned.lease.renew(LEASE), owned.lease.give_back()):
            with pytest.raises(DeposedError):
                await write
        assert await ledger.pauses.active() == {}


async def test_refused_write_tells_the_owner_that_it_is_deposed(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        owned = ledger.as_owner(await take(ledger, ANN) or 0)
        clock.now += LEASE
        await take(ledger, BOB)
        assert not owned.deposed.is_set()
        with pytest.raises(DeposedError):
            await owned.lease.renew(LEASE)
        assert owned.deposed.is_set()
        assert not ledger.deposed.is_set()


async def test_owner_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await take(ledger, ANN)
        assert await take(ledger, BOB, "process-1") == 2


async def test_process_follows_itself_with_a_new_epoch(tmp_path: Path) -> None:
    """One that could not give the lease back stands in line again."""
    async with opened(tmp_path) as ledger:
        assert (await take(ledger, ANN), await take(ledger, ANN)) == (1, 2)


async def test_clock_set_back_holds_up_nobody_for_long(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await take(ledger, ANN)
        clock.now -= 3600
        assert await take(ledger, BOB) == 2


async def test_two_candidates_at_once_get_one_lease(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger, opened(tmp_path) as other:
        epochs = await asyncio.gather(*(take(each, who) for each, who in ((ledger, ANN), (other, BOB)) * 5))
        # The one that has it follows itself.
        winner = raw(tmp_path, "SELECT owner FROM ledger")[0][0]
        assert sum(epoch is not None for epoch in epochs) == 5
        assert winner == ("ann" if epochs[0] is not None else "bob")
