"""What the ledger accepts, and how many at a time."""

import asyncio
import threading
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger, gathering, signups
from jobs.model.job import Job, Limits, State
from jobs.ways.networks import network_quotas
from tests.harness.ledgers import FREE, Clock, code_of, from_address, opened, raw, signup, submitted

pytestmark = pytest.mark.usefixtures("each_engine")


async def test_reply_follows_its_commit(tmp_path: Path) -> None:
    """Once answered, the job is in the file for another connection to read."""

    async with opened(tmp_path) as ledger:

        async def accept(number: int) -> bool:
            job = await ledger.signups.accept(signup(f"crowd-{number}"), FREE)
            return raw(tmp_path, f"SELECT count(*) FROM jobs WHERE id = '{job.id}'") == [(1,)]

        assert all(await asyncio.gather(*(accept(number) for number in range(300))))
        times = raw(tmp_path, "SELECT count(*) FROM jobs")
        assert times == [(300,)]


class Commits:
    """Counts the write transactions that a ledger begins."""

    def __init__(self, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
        self._run = ledger._store.run
        self.number = 0
        self.begun = asyncio.Event()
        monkeypatch.setattr(ledger._store, "run", self._count)

    async def _count(self, step: Any) -> Any:
        self.number += 1
        self.begun.set()
        return await self._run(step)


async def test_concurrent_signups_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(tmp_path) as ledger:
        commits = Commits(ledger, monkeypatch)
        await asyncio.gather(*(ledger.signups.accept(signup(f"crowd-{number}"), FREE) for number in range(400)))
        assert commits.number <= 3


async def test_signups_of_successive_iterations_share_a_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop reads a few client connections in each."""
    async with opened(tmp_path) as ledger:
        commits = Commits(ledger, monkeypatch)
        responses: list[asyncio.Future[Job]] = []
        for number in range(gathering.ENOUGH // 2):
            responses.append(submitted(ledger, signup(f"crowd-{number}"), FREE))
            await asyncio.sleep(0)
        await asyncio.gather(*responses)
        assert commits.number == 1


async def test_enough_signups_wait_for_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "ENOUGH", 10)
    async with opened(tmp_path) as ledger:
        commits = Commits(ledger, monkeypatch)
        responses: list[asyncio.Future[Job]] = []
        while not commits.number:
            responses.append(submitted(ledger, signup(f"crowd-{len(responses)}"), FREE))
            await asyncio.sleep(0)
        assert len(responses) <= 12
        await asyncio.gather(*responses)


async def test_reply_that_fails_keeps_nobody_waiting(tmp_path: Path) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError

    reported: list[Exception] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, problem: reported.append(problem["exception"]))
    async with opened(tmp_path) as ledger:
        ledger.signups.submit(signup("alice-1"), FREE, fail)
        assert (await submitted(ledger, signup("bob-1"), FREE)).signup.name == "bob-1"
    assert [type(error) for error in reported] == [ZeroDivisionError]


async def test_signups_that_come_while_another_process_writes_share_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        has_turn, may_end = threading.Event(), threading.Event()

        def write(_tx: object) -> None:
            has_turn.set()
            may_end.wait()

        writing = asyncio.create_task(one._store.run(write))
        await asyncio.to_thread(has_turn.wait)
        commits = Commits(two, monkeypatch)
        first = submitted(two, signup("early-1"), FREE)
        await commits.begun.wait()
        second = submitted(two, signup("late-1"), FREE)
        may_end.set()
        await asyncio.gather(first, second, writing)
        assert commits.number == 1


async def test_signups_that_were_told_otherwise_are_not_taken(tmp_path: Path) -> None:
    """The turn may come after the time in which every reply must come."""
    async with opened(tmp_path) as ledger:
        request = signups.Request(signup("late-1"), FREE, lambda _: None)
        group = signups._Group(deque([request]))
        assert group.end() == [request]
        assert await ledger._store.run(lambda tx: ledger.signups._insert(tx, group.take())) == []
        assert await ledger.queries.jobs() == []


async def test_commit_group_sees_its_own_names_and_addresses(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        same = [ledger.signups.accept(signup("same-1"), from_address("192.0.2.1")) for _ in range(3)]
        other = ledger.signups.accept(signup("same-1", "other"), FREE)
        second = ledger.signups.accept(signup("next-1"), from_address("192.0.2.1"))
        results = await asyncio.gather(*same, other, second, return_exceptions=True)
        assert len({job.id for job in results[:3] if isinstance(job, Job)}) == 1
        codes = [error.code for error in results[3:] if isinstance(error, FaucetError)]
        assert codes == [Code.ACCOUNT_EXISTS, Code.THROTTLED]


async def test_cancelled_caller_does_not_disturb_its_group(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        gone = asyncio.create_task(ledger.signups.accept(signup("gone-1"), FREE))
        staying = asyncio.create_task(ledger.signups.accept(signup("stay-1"), FREE))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await staying).state is State.QUEUED
        assert len(await ledger.queries.jobs()) == 2


async def test_two_processes_never_accept_one_name_twice(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as two:
        attempts = [
            code_of(ledger.signups.accept(signup(f"name-{number}", password), FREE))
            for number in range(40)
            for ledger, password in ((one, "a"), (two, "b"))
        ]
        codes = await asyncio.gather(*attempts)
        assert codes.count(None) == 40
        assert codes.count(Code.ACCOUNT_EXISTS) == 40


async def test_address_interval_and_quota_limit_signups(tmp_path: Path) -> None:
    """The quota is returned when a signup fails, not when it is cancelled, and what no limit needs is deleted."""

    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        job = await ledger.signups.accept(signup("one-1"), from_address("192.0.2.1"))
        clock.now += 299.5
        with pytest.raises(FaucetError) as caught:
            await ledger.signups.accept(signup("one-2"), from_address("192.0.2.1"))
        assert (caught.value.code, caught.value.retry_after) == (Code.THROTTLED, 1)
        await ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "no")})
        second = await ledger.signups.accept(signup("one-2"), from_address("192.0.2.1"))
        await ledger.operators.cancel([second.id], by="operator", reason="by hand")
        assert await code_of(ledger.signups.accept(signup("one-3"), from_address("192.0.2.1"))) is Code.THROTTLED
        clock.now += 300
        await ledger.signups.purge_quotas()
        for table in ("quotas", "quota_uses"):
            assert raw(tmp_path, f"SELECT count(*) FROM {table}") == [(0,)]


@pytest.mark.parametrize(("seconds", "free"), [(3600, True), (301, True), (300, False), (1, False)])
async def test_clock_set_back_does_not_lengthen_the_interval(tmp_path: Path, seconds: float, free: bool) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await ledger.signups.accept(signup("one-1"), from_address("192.0.2.1"))
        clock.now -= seconds
        code = await code_of(ledger.signups.accept(signup("one-2"), from_address("192.0.2.1")))
        assert code is (None if free else Code.THROTTLED)
        assert await code_of(ledger.signups.accept(signup("one-3"), from_address("192.0.2.1"))) is Code.THROTTLED


async def test_repeated_signup_is_the_same_job_despite_every_limit(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("same-1"), from_address("192.0.2.1"))
        await ledger.operators.pause("intake", by="operator", reason="maintenance")
        tight = Limits(1, network_quotas("192.0.2.1", 300, ()))
        assert (await ledger.signups.accept(signup("same-1"), tight)).id == job.id
        assert await code_of(ledger.signups.accept(signup("new-1"), FREE)) is Code.PAUSED
        await ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "no")})
        await ledger.operators.resume("intake", by="operator")
        assert (await ledger.signups.accept(signup("same-1"), FREE)).id != job.id


async def test_excess_signups_are_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those already queued are still accepted, and so are later retries."""
    monkeypatch.setattr(signups, "MAX_WAITING", 3)

    async with opened(tmp_path) as ledger:
        names = [f"crowd-{number}" for number in range(5)]
        answers = await asyncio.gather(
            *(ledger.signups.accept(signup(name), FREE) for name in names), return_exceptions=True
        )
        refused = [answer for answer in answers if isinstance(answer, FaucetError)]
        assert [(error.code, error.retry_after) for error in refused] == [(Code.OVERLOADED, 1)] * 2
        for name in names:
            await ledger.signups.accept(signup(name), FREE)
        assert (await ledger.queries.counts())[State.QUEUED] == 5


async def test_full_queue_is_refused_with_a_time_to_retry(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        full = Limits(queue=1, retry_after=7)
        await ledger.signups.accept(signup("one-1"), full)
        with pytest.raises(FaucetError) as caught:
            await ledger.signups.accept(signup("one-2"), full)
        assert (caught.value.code, caught.value.retry_after) == (Code.OVERLOADED, 7)


async def test_unknown_referrer_needs_a_complete_cache(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert await code_of(ledger.signups.accept(signup("one-1", referrer="bob"), FREE)) is None
        await ledger.chain_status.save(await _complete(ledger))
        assert await code_of(ledger.signups.accept(signup("two-1", referrer="bob"), FREE)) is Code.UNKNOWN_REFERRER
        await ledger.names.save_page([("bob", "1.2.9")], cursor="bob")
        assert await code_of(ledger.signups.accept(signup("two-1", referrer="bob"), FREE)) is None
        assert await code_of(ledger.signups.accept(signup("bob", "x"), FREE)) is Code.ACCOUNT_EXISTS


async def _complete(ledger: Ledger) -> Any:
    return replace(await ledger.chain_status.load(), names_complete=True)


async def test_ids_of_jobs_begin_with_their_time_and_end_at_random(tmp_path: Path) -> None:
    before = time.time_ns() // 1_000_000
    async with opened(tmp_path) as ledger:
        jobs = [await ledger.signups.accept(signup(f"alice-{number}"), FREE) for number in range(3)]
    ids = [job.id for job in jobs]
    assert [before <= int(job_id[:12], 16) <= time.time_ns() // 1_000_000 for job_id in ids] == [True] * 3
    assert {len(job_id) for job_id in ids} == {32}
    assert len({job_id[12:] for job_id in ids}) == 3
