"""Operators' searches, page by page, and the transactions of one job."""

import itertools
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from jobs.errors import Code
from jobs.ledger import Ledger, search
from jobs.ledger.search import JobPage, page_query
from jobs.ledger.sqlite.file import SCHEMA
from jobs.model.job import Job, Limits, Signup, State
from jobs.model.transaction import Fate, Kind, SignedTransaction
from tests.harness.program import keys_of
from tests.harness.serving import NOW, broadcast, pay, register, settle
from tests.ledger.test_operator_actions import opened

pytestmark = pytest.mark.usefixtures("each_engine")


async def accepted(ledger: Ledger, name: str, initial_balance: str | None = None) -> Job:
    return await ledger.signups.accept(Signup(name, **keys_of(name)), Limits(1000, initial_balance=initial_balance))


def names(page: JobPage) -> list[str]:
    return [job.signup.name for job in page.jobs]


async def test_all_jobs_are_paged_newest_first(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(1, 6):
            await accepted(ledger, f"n-{number}")
        first = await ledger.search.page(limit=2)
        second = await ledger.search.page(before=first.before, limit=2)
        third = await ledger.search.page(before=second.before, limit=2)
        assert [names(page) for page in (first, second, third)] == [["n-5", "n-4"], ["n-3", "n-2"], ["n-1"]]
        assert (first.after, third.before) == (None, None)
        back = await ledger.search.page(after=third.after, limit=2)
        assert names(back) == names(second)
        assert names(await ledger.search.page(after=back.after, limit=2)) == names(first)


async def test_exactly_full_last_page_has_no_next(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(4):
            await accepted(ledger, f"n-{number}")
        assert await ledger.search.page(limit=4) == JobPage(
            (await ledger.search.page(limit=9)).jobs, None, None, by_name=False
        )
        last = await ledger.search.page(before=(await ledger.search.page(limit=2)).before, limit=2)
        assert (len(last.jobs), last.before) == (2, None)
        newest = await ledger.search.page(after=last.after, limit=2)
        assert (len(newest.jobs), newest.after) == (2, None)


async def test_jobs_are_found_by_state(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in range(1, 6):
            job = await accepted(ledger, f"n-{number}")
            if number % 2:
                await ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "No.")})
        first = await ledger.search.page(state=State.FAILED, limit=2)
        second = await ledger.search.page(state=State.FAILED, before=first.before, limit=2)
        assert (names(first), names(second), second.before) == (["n-5", "n-3"], ["n-1"], None)
        assert names(await ledger.search.page(state=State.DONE)) == []


async def test_exact_name_comes_before_its_prefix_matches(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for name in ("b-1", "al-9", "al-10", "al", "al-1", "am-1", "ak-1"):
            await accepted(ledger, name)
        page = await ledger.search.page("al")
        assert (names(page), page.by_name) == (["al", "al-1", "al-10", "al-9"], True)
        assert (page.before, page.after) == (None, None)
        assert names(await ledger.search.page("  AL-1 ")) == ["al-1", "al-10"]
        assert names(await ledger.search.page("zz")) == []


async def test_name_search_pages_in_both_directions(tmp_path: Path) -> None:
    """One name may have many jobs: they are then ordered by age."""

    async with opened(tmp_path) as ledger:
        for name in ("al-2", "al-1", "al-1", "al-1", "al-3"):
            job = await accepted(ledger, name)
            await ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "No.")})
        whole = (await ledger.search.page("al")).jobs
        pages = [await ledger.search.page("al", limit=2)]
        while pages[-1].after is not None:
            pages.append(await ledger.search.page("al", after=pages[-1].after, limit=2))
        assert list(itertools.chain(*(page.jobs for page in pages))) == whole
        assert [job.number for job in whole] == [2, 3, 4, 1, 5]
        back = await ledger.search.page("al", before=pages[-1].before, limit=2)
        assert back.jobs == pages[1].jobs
        assert (await ledger.search.page("al", before=back.before, limit=2)).before is None


async def test_name_search_in_a_state_examines_a_bounded_number_of_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page may be empty and still link to rows not yet examined."""
    monkeypatch.setattr(search, "MAX_SCANNED", 3)

    async with opened(tmp_path) as ledger:
        jobs = [await accepted(ledger, f"al-{number}") for number in range(1, 9)]
        for job in (jobs[4], jobs[7]):
            await ledger.operators.cancel([job.id], by="ann", reason="x")
        pages = [await ledger.search.page("al", state=State.CANCELLED)]
        while pages[-1].after is not None:
            pages.append(await ledger.search.page("al", state=State.CANCELLED, after=pages[-1].after))
        assert [names(page) for page in pages] == [[], ["al-5"], ["al-8"]]
        every = [jobs async for jobs in ledger.search.pages("al", state=State.CANCELLED, limit=50)]
        assert [job.signup.name for job in itertools.chain(*every)] == ["al-5", "al-8"]


@pytest.mark.parametrize("key", ["id", "account_id", "transaction_id"])
async def test_job_is_found_by_id(tmp_path: Path, key: str) -> None:
    async with opened(tmp_path) as ledger:
        for name in ("al-1", "al-2"):
            await register(ledger, await accepted(ledger, name))
        (job,) = await ledger.queries.jobs(name="al-1")
        value = str(getattr(job, key))
        assert (await ledger.search.page(f" {value.upper()} ")).jobs == [job]
        assert (await ledger.search.page(value, state=State.REGISTERED)).jobs == [job]
        assert (await ledger.search.page(value, state=State.FAILED)).jobs == []


@pytest.mark.parametrize("length", [32, 40])
async def test_name_that_looks_like_an_id_is_found(tmp_path: Path, length: int) -> None:
    async with opened(tmp_path) as ledger:
        job = await accepted(ledger, "a" * (length - 1) + "1")
        assert (await ledger.search.page(job.signup.name)).jobs == [job]


async def test_all_jobs_of_a_transaction_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        jobs = [await accepted(ledger, f"al-{number}") for number in range(1, 6)]
        await ledger.drain.record_signed([unsent_registration("ab" * 20, jobs)])
        first = await ledger.search.page("ab" * 20, limit=3)
        second = await ledger.search.page("ab" * 20, before=first.before, limit=3)
        assert names(first) + names(second) == [f"al-{number}" for number in range(5, 0, -1)]
        assert (await ledger.search.page("ab" * 20, state=State.BROADCAST, limit=3)).jobs == first.jobs


def unsent_registration(transaction_id: str, jobs: Sequence[Job]) -> SignedTransaction:
    numbers = tuple(job.number for job in jobs)
    fees = tuple(1000 + number for number in numbers)
    return SignedTransaction(Kind.REGISTRATION, transaction_id, f"s{transaction_id}", "{}", 7, NOW + 60, numbers, fees)


async def test_all_transactions_of_a_job_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        other, job = [await accepted(ledger, name, "10") for name in ("al-1", "al-2")]
        (lost,) = await ledger.drain.record_signed([unsent_registration("ab" * 20, [other, job])])
        await ledger.expiry.expire([lost])
        await register(ledger, job)
        await pay(ledger, job)
        await settle(ledger)
        signed = await ledger.search.signed_for(job)
        rows = [(one.transaction.kind, one.transaction.fate, one.transaction.jobs, one.fee) for one in signed]
        assert rows == [
            (Kind.REGISTRATION, Fate.EXPIRED, (1, 2), 1002),
            (Kind.REGISTRATION, Fate.IRREVERSIBLE, (2,), 1),
            (Kind.FUNDING, Fate.IRREVERSIBLE, (2,), 1),
        ]
        assert {(one.signed_at, one.learned_at) for one in signed} == {(NOW * 1000, NOW * 1000)}


async def test_job_has_the_time_of_its_accounts_block(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await accepted(ledger, "al-1")
        await broadcast(ledger, job)
        assert (await ledger.search.page("al-1")).jobs[0].registered_at is None
        await register(ledger, await accepted(ledger, "al-2"))
        assert (await ledger.search.page("al-2")).jobs[0].registered_at == NOW * 1000


@pytest.mark.parametrize("down", [True, False])
@pytest.mark.parametrize(
    ("where", "by_name"), [("TRUE", False), ("TRUE", True), ("state = ?", False), ("account_id = ?", False)]
)
def test_search_page_needs_no_sorting(where: str, by_name: bool, down: bool) -> None:
    """Nothing is sorted, so a page of ten million jobs costs what one of ten does."""
    query = page_query(where, by_name=by_name, down=down)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA.read_text())
        plan = connection.execute(f"EXPLAIN QUERY PLAN {query.sql}", ["1"] * query.sql.count("?")).fetchall()
    (step,) = (row[-1] for row in plan)
    assert step.startswith("SEARCH")
