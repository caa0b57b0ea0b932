"""Who waits until a job is decided hears of it once, whichever process decided it."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.ledger import Ledger, decisions
from jobs.ledger.decisions import DECIDED_OR_OVER
from jobs.model.job import Job, JobStatus, State
from tests.harness.ledgers import FREE, opened, signup
from tests.harness.serving import broadcast, register, turn

pytestmark = pytest.mark.usefixtures("each_engine")
LONG = 600.0  #: seconds


async def accepted(ledger: Ledger, *names: str) -> list[Job]:
    return [await ledger.signups.accept(signup(name), FREE) for name in names]


def waiting(ledger: Ledger, job: Job, seconds: float = LONG) -> asyncio.Future[JobStatus | Exception]:
    future: asyncio.Future[JobStatus | Exception] = asyncio.get_running_loop().create_future()
    ledger.decisions.wait(job.id, seconds, future.set_result)
    return future


async def state(wait: asyncio.Future[JobStatus | Exception]) -> State:
    job = await wait
    assert isinstance(job, JobStatus)
    return job.state


def read_lists(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ids of each read of jobs from now on, as JSON."""
    made: list[str] = []
    rows = ledger.decisions._store.rows

    async def counting(query: Any, parameters: Sequence[Any] = ()) -> list[Any]:
        assert query is DECIDED_OR_OVER
        made.append(parameters[0])
        return await rows(query, parameters)

    monkeypatch.setattr(ledger.decisions._store, "rows", counting)
    return made


async def read(ledger: Ledger, is_due: Callable[[], Any]) -> None:
    """Return once what is due was read."""
    assert is_due()
    while ledger.decisions._reader is not None:
        await turn()


async def test_decisions_of_another_process_end_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as there, opened(tmp_path) as here:
        alice, bob, carol = await accepted(there, "alice-1", "bob-1", "carol-1")
        of_alice, of_bob, of_carol = (waiting(here, job) for job in (alice, bob, carol))
        await here.decisions.poll()
        await broadcast(there, carol)
        await register(there, alice)
        await here.decisions.poll()
        assert await state(of_alice) is State.REGISTERED
        await there.operators.cancel([bob.id], by="ann", reason="x")
        await here.decisions.poll()
        assert await state(of_bob) is State.CANCELLED
        assert not of_carol.done()


async def test_jobs_are_read_once_and_where_something_was_decided(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as there, opened(tmp_path) as here:
        alice, bob = await accepted(there, "alice-1", "bob-1")
        waiting(here, alice)
        made = read_lists(here, monkeypatch)
        await here.decisions.poll()
        await read(here, lambda: here.decisions._reader)
        await broadcast(there, alice)
        await here.decisions.poll()
        waiting(here, bob)
        await here.decisions.poll()
        await read(here, lambda: here.decisions._reader)
        assert made == [f'["{alice.id}"]', f'["{bob.id}"]']
        await register(there, bob)
        await here.decisions.poll()
        await read(here, lambda: here.decisions._reader)
        assert made[2:] == [f'["{alice.id}","{bob.id}"]']


async def test_job_decided_before_the_wait_ends_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        alice, bob = await accepted(ledger, "alice-1", "bob-1")
        waiting(ledger, bob)
        await register(ledger, alice)
        await ledger.decisions.poll()
        of_alice = waiting(ledger, alice)
        await ledger.decisions.poll()
        assert await state(of_alice) is State.REGISTERED


async def test_decision_of_this_process_ends_all_waits_for_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "SLICE", 2)
    async with opened(tmp_path) as ledger:
        jobs = await accepted(ledger, *(f"alice-{number}" for number in range(5)))
        waits = [waiting(ledger, job) for job in (*jobs, jobs[0])]
        await ledger.operators.cancel([job.id for job in jobs], by="ann", reason="x")
        assert [await state(wait) for wait in waits] == [State.CANCELLED] * 6
        assert not any(ledger.changes.watched(job.id) for job in jobs)


async def test_wait_that_is_over_gets_the_job_as_it_is(tmp_path: Path) -> None:
    """And others for the same job go on."""
    async with opened(tmp_path) as ledger:
        (alice,) = await accepted(ledger, "alice-1")
        await broadcast(ledger, alice)
        of_alice, other = waiting(ledger, alice, 0.01), waiting(ledger, alice)
        assert await state(of_alice) is State.BROADCAST
        assert not other.done()
        ledger.changes.close()
        assert await state(other) is State.BROADCAST
        assert await state(waiting(ledger, alice)) is State.BROADCAST


async def test_failed_read_is_told_to_those_it_was_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        alice, bob = await accepted(ledger, "alice-1", "bob-1")
        of_bob = waiting(ledger, bob)
        await ledger.operators._store.run(lambda tx: tx.execute("ALTER TABLE jobs RENAME TO lost"))
        assert isinstance(await waiting(ledger, alice, 0), Exception)
        await ledger.operators._store.run(lambda tx: tx.execute("ALTER TABLE lost RENAME TO jobs"))
        assert not of_bob.done()
