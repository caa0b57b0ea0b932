"""Jobs that many ask for at once are read together, each as it is after it was asked for."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.ledger import Ledger
from jobs.ledger.job_reads import BY_IDS
from jobs.ledger.sql import Query
from tests.harness.ledgers import FREE, code_of, opened, signup
from tests.harness.serving import turn


def counted(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[Query[Any]]:
    """The queries that the ledger makes from now on."""
    made: list[Query[Any]] = []
    rows = ledger.queries._store.rows

    async def counting(query: Query[Any], parameters: Sequence[Any] = ()) -> list[Any]:
        made.append(query)
        return await rows(query, parameters)

    monkeypatch.setattr(ledger.queries._store, "rows", counting)
    return made


@pytest.mark.usefixtures("each_engine")
async def test_jobs_asked_for_at_once_are_read_by_one_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as ledger:
        jobs = [await ledger.signups.accept(signup(f"alice-{number}"), FREE) for number in range(3)]
        made = counted(ledger, monkeypatch)
        ids = [*(job.id for job in jobs), "unknown", jobs[0].id]
        found = await asyncio.gather(*(ledger.queries.job(job_id) for job_id in ids))
    assert found == [*jobs, None, jobs[0]]
    assert made == [BY_IDS]


@pytest.mark.usefixtures("each_engine")
async def test_job_asked_for_during_a_read_is_read_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read may be older than the question."""
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("alice-1"), FREE)
        made = counted(ledger, monkeypatch)
        first = asyncio.create_task(ledger.queries.job(job.id))
        while not made:
            await turn()
        second = asyncio.create_task(ledger.queries.job(job.id))
        assert (await first, await second) == (job, job)
    assert made == [BY_IDS, BY_IDS]


async def test_failed_read_is_told_to_all_who_still_wait(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("alice-1"), FREE)
        gone, *others = (asyncio.create_task(ledger.queries.job(job.id)) for _ in range(3))
        await turn()
        gone.cancel()
        await ledger.operators._store.run(lambda tx: tx.execute("ALTER TABLE jobs RENAME TO lost"))
        again = [code_of(ledger.queries.job(job.id)) for _ in range(2)]
        assert await asyncio.gather(*again) == ["ledger_unavailable"] * 2
        await asyncio.gather(*others, gone, return_exceptions=True)
        await ledger.operators._store.run(lambda tx: tx.execute("ALTER TABLE lost RENAME TO jobs"))
        assert await ledger.queries.job(job.id) == job
