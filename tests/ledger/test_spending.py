"""The day's spending in the ledger: nothing is written ahead beyond the budget, whatever happens in between."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from jobs.ledger import Ledger
from jobs.ledger.spending import DAY_MS
from jobs.model.job import Job, State
from jobs.model.transaction import Kind, SignedTransaction, WholeTransaction
from tests.harness.ledgers import FREE, START, Clock, block, opened, signed_transaction, signup

pytestmark = pytest.mark.usefixtures("each_engine")

COST = 100  #: satoshi of each job in these tests


async def accept(ledger: Ledger, *names: str) -> list[Job]:
    return [await ledger.signups.accept(signup(name), FREE) for name in names]


def costly(jobs: Sequence[Job], tag: str, *, expiration: int = int(START) + 100) -> SignedTransaction:
    signed = signed_transaction(Kind.REGISTRATION, jobs, tag, expiration=expiration)
    return replace(signed, cost=COST * len(jobs), fees=(COST,) * len(jobs))


async def sign(ledger: Ledger, jobs: Sequence[Job], tag: str, budget: int | None = None) -> list[WholeTransaction]:
    return await ledger.drain.record_signed([costly(jobs, tag)], budget)


async def test_nothing_is_written_ahead_beyond_the_budget(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        one, two, three = await accept(ledger, "one-1", "two-1", "three-1")
        signed = [costly([one, two], "pair"), costly([three], "single")]
        recorded = await ledger.drain.record_signed(signed, COST)
        assert [entry.signature for entry in recorded] == ["sig-single"]
        assert await ledger.spending.spent_today() == COST
        assert await sign(ledger, [one], "again", COST) == []
        assert len(await sign(ledger, [one], "raised", 2 * COST)) == 1


async def test_budget_holds_across_processes_and_restarts(tmp_path: Path) -> None:
    async with opened(tmp_path) as first, opened(tmp_path) as second:
        one, two = await accept(first, "one-1", "two-1")
        assert len(await sign(first, [one], "first", COST)) == 1
        assert await sign(second, [two], "second", COST) == []
    async with opened(tmp_path) as again:
        assert await again.spending.spent_today() == COST
        assert await sign(again, [two], "third", COST) == []


async def test_new_day_begins_at_midnight_utc(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        one, two = await accept(ledger, "one-1", "two-1")
        await sign(ledger, [one], "today", COST)
        clock.now = (int(clock.now * 1000) // DAY_MS + 1) * DAY_MS / 1000 - 0.001
        assert await sign(ledger, [two], "late", COST) == []
        clock.now += 0.001
        assert await ledger.spending.spent_today() == 0
        assert len(await sign(ledger, [two], "tomorrow", COST)) == 1


async def test_refusal_of_an_own_node_frees_the_budget(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        jobs = await accept(ledger, "one-1")
        (transaction,) = await sign(ledger, jobs, "refused")
        await ledger.drain.refuse(transaction, rejected={})
        assert await ledger.spending.spent_today() == 0


async def test_refusal_of_an_untrusted_node_counts_until_expired(tmp_path: Path) -> None:
    """The node may have kept it, and include it in a block."""

    async with opened(tmp_path) as ledger:
        jobs = await accept(ledger, "one-1")
        (transaction,) = await sign(ledger, jobs, "refused")
        await ledger.drain.refuse(transaction, rejected={}, trusted=False)
        assert await ledger.spending.spent_today() == COST
        assert await ledger.expiry.unproven()
        assert await ledger.expiry.given_up(transaction.expiration) == []
        (given_up,) = await ledger.expiry.given_up(transaction.expiration + 1)
        await ledger.expiry.expire([given_up])
        assert await ledger.spending.spent_today() == 0
        assert not await ledger.expiry.unproven()


async def test_expiry_by_one_untrusted_node_goes_on_counting(tmp_path: Path) -> None:
    """Until its jobs' next registration, which excludes it, as far as that one costs as much."""

    async with opened(tmp_path) as ledger:
        jobs = await accept(ledger, "one-1")
        (transaction,) = await sign(ledger, jobs, "denied")
        await ledger.expiry.expire([transaction], proven=False)
        assert (await ledger.queries.jobs())[0].state is State.QUEUED
        assert await ledger.spending.spent_today() == COST
        cheaper = replace(costly(jobs, "cheaper"), cost=COST // 2, fees=(COST // 2,))
        await ledger.drain.record_signed([cheaper])
        assert await ledger.spending.spent_today() == COST


async def test_payment_does_not_replace_a_registration(tmp_path: Path) -> None:
    """The account exists, so its registration was in a block, whatever an untrusted node said."""

    async with opened(tmp_path) as ledger:
        (job,) = [await ledger.signups.accept(signup("one-1"), structs.replace(FREE, initial_balance="1"))]
        (transaction,) = await sign(ledger, [job], "denied")
        await ledger.expiry.expire([transaction], proven=False)
        await ledger.drain.claim_existing({job.number: "1.2.50"}, 1)
        payment = replace(signed_transaction(Kind.FUNDING, [job], "payment"), cost=COST, fees=(COST,))
        assert await ledger.spending.spent_today() == COST
        assert len(await ledger.drain.record_signed([payment])) == 1
        assert await ledger.spending.spent_today() == 2 * COST


async def test_next_transaction_of_a_job_replaces_the_refused_one(tmp_path: Path) -> None:
    """A name is registered once; the failed neighbour's cost still counts, however often the other is signed."""

    async with opened(tmp_path) as ledger:
        good, bad = await accept(ledger, "good-1", "bad-1")
        (both,) = await sign(ledger, [good, bad], "both")
        await ledger.drain.refuse(both, rejected={}, trusted=False)
        for number in range(3):
            (alone,) = await sign(ledger, [good], f"alone-{number}", 2 * COST)
            assert await ledger.spending.spent_today() == 2 * COST
            await ledger.drain.refuse(alone, rejected={}, trusted=False)


async def test_expired_transaction_frees_the_budget_until_a_block_has_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        jobs = await accept(ledger, "one-1")
        (transaction,) = await sign(ledger, jobs, "late")
        await ledger.expiry.expire([transaction])
        assert await ledger.spending.spent_today() == 0
        await ledger.blocks.follow([block(1, transaction)], 0)
        assert await ledger.spending.spent_today() == COST
        await ledger.blocks.orphan(1)
        assert await ledger.spending.spent_today() == COST


async def test_budget_in_percent_is_a_share_of_the_balance_at_midnight(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        assert await ledger.spending.opening_balance() is None
        assert await ledger.spending.open_day(1000, agreed=True) == 1000
        assert await ledger.spending.open_day(9000, agreed=True) == 1000
        clock.now += DAY_MS / 1000
        assert await ledger.spending.opening_balance() is None
        assert await ledger.spending.open_day(9000, agreed=True) == 9000


async def test_one_untrusted_node_never_raises_the_balance_that_counts(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        assert await ledger.spending.open_day(1000, agreed=False) == 1000
        clock.now += DAY_MS / 1000
        assert await ledger.spending.open_day(10**12, agreed=False) == 1000
        clock.now += DAY_MS / 1000
        assert await ledger.spending.open_day(700, agreed=False) == 700
