"""The PostgreSQL engine: lost connections, commits that are not confirmed, and what errors show."""

import asyncio
import signal
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger import ConstraintError, Ledger
from jobs.ledger.postgresql import link_thread
from jobs.ledger.postgresql.rows import without_nul
from tests.harness.engines import Databases
from tests.harness.ledgers import FREE, Clock, code_of, opened, signup
from tests.harness.postgresql import Server, serving
from tests.harness.turns import turn_held, until, waiting

PURGE = "DELETE FROM quotas WHERE until < 0"


def sessions(databases: Databases, folder: Path) -> list[int]:
    """The server's processes that serve faucets."""
    with databases.connect(folder) as shell:
        found = shell.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'faucet'").fetchall()
    return [pid for (pid,) in found]


async def test_lost_connections_are_made_again(databases: Databases, tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.signups.accept(signup("one-1"), FREE)
        for pid in sessions(databases, tmp_path):
            with databases.connect(tmp_path) as shell:
                shell.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        assert len(await ledger.queries.jobs()) == 1
        await ledger.signups.accept(signup("two-1"), FREE)
        assert len(await ledger.queries.jobs()) == 2


async def test_newer_program_ends_the_writes_of_an_older_one(databases: Databases, tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        with databases.connect(tmp_path) as shell:
            shell.execute("UPDATE ledger SET version = version + 1")
        with pytest.raises(FaucetError) as refused:
            await ledger.check_writable()
        assert "upgrade it" in str(refused.value.__cause__)
        assert await ledger.queries.jobs() == []


async def test_ledger_opened_to_read_writes_nothing(databases: Databases, tmp_path: Path) -> None:
    async with opened(tmp_path):
        reading = await Ledger.open_to_read(databases.url_of(tmp_path), clock=Clock())
        assert await code_of(reading.check_writable()) is Code.LEDGER_UNAVAILABLE
        assert await reading.queries.jobs() == []
        await reading.close()


async def test_time_is_the_servers_once_the_turn_is_had(databases: Databases, tmp_path: Path) -> None:
    ledger = await Ledger.open(databases.url_of(tmp_path))
    times: list[int] = []
    with turn_held(databases, tmp_path):
        reading = asyncio.create_task(ledger._store.run(lambda tx: times.append(tx.now)))
        await waiting(databases, tmp_path)
        with databases.connect(tmp_path) as shell:
            ((before,),) = shell.execute("SELECT extract(epoch FROM clock_timestamp()) * 1000").fetchall()
    await reading
    assert before <= times[0] + 1
    assert abs(ledger._store.now() - time.time() * 1000) < 1000
    await ledger.close()


@pytest.mark.usefixtures("databases")
async def test_errors_show_nothing_of_a_row(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.signups.accept(signup("secret-1", email="ann@example.org"), FREE)
        with pytest.raises(ConstraintError, match="jobs_ended_with_code") as broken:
            await ledger._store.execute("UPDATE jobs SET state = 'failed'")
        with pytest.raises(FaucetError) as failed:
            await ledger._store.execute("SELECT CAST(email AS BIGINT) FROM jobs WHERE name = ?", ("secret-1",))
        for error in (broken.value, failed.value):
            assert "example.org" not in "".join(traceback.format_exception(error))
        assert str(failed.value.__cause__) == "PostgreSQL refused a value (22P02)"
        assert await ledger.queries.counts()


@pytest.mark.usefixtures("databases")
async def test_nul_finds_nothing_and_spoils_no_group(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.signups.accept(signup("one-1", email="a\0b"), FREE)
        assert (await ledger.search.page("one\0")).jobs == []
        (job,) = (await ledger.search.page("one")).jobs
        assert job.signup.email == "a\ufffdb"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        (r'["a\u0000b"]', '["a\ufffdb"]'),
        (r'["a\\u0000b"]', r'["a\\u0000b"]'),
        (r'["a\\\u0000"]', '["a\\\\\ufffd"]'),
        (r'["\u0000\u0000"]', '["\ufffd\ufffd"]'),
        ("plain", "plain"),
    ],
)
def test_nul_is_replaced_plain_and_escaped(text: str, kept: str) -> None:
    assert without_nul(text) == kept


@pytest.fixture
def own() -> Iterator[Server]:
    """A server that a test may damage; what it confirms is on disk."""
    with serving() as server:
        yield server


@asynccontextmanager
async def opened_at(url: str) -> AsyncIterator[Ledger]:
    ledger = await Ledger.open(url)
    try:
        yield ledger
    finally:
        await ledger.close()


async def test_commit_that_is_cancelled_fails(own: Server) -> None:
    """PostgreSQL calls it done, with a warning, but no standby has it."""
    async with opened_at(own.url()) as ledger:
        await ledger.signups.accept(signup("kept-1"), FREE)
        with own.connect() as shell:
            shell.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            shell.execute("SELECT pg_reload_conf()")
            await until(shell, "SELECT 1 WHERE current_setting('synchronous_standby_names') = 'nobody'")
            accepted = asyncio.create_task(ledger.signups.accept(signup("lost-1"), FREE))
            await until(shell, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            with pytest.raises(FaucetError) as failed:
                await accepted
            assert failed.value.code is Code.LEDGER_UNAVAILABLE
            assert "the commit was not confirmed: canceling wait" in str(failed.value.__cause__)
            shell.execute("ALTER SYSTEM RESET synchronous_standby_names")
            shell.execute("SELECT pg_reload_conf()")
        assert (await ledger.signups.accept(signup("lost-1"), FREE)).signup.name == "lost-1"


async def test_killed_server_keeps_what_was_confirmed(own: Server, caplog: pytest.LogCaptureFixture) -> None:
    async with opened_at(own.url()) as ledger:
        accepted: list[Any] = [await ledger.signups.accept(signup("kept-1"), FREE)]
        assert len(await ledger.queries.jobs()) == 1
        own.stop(signal.SIGQUIT)
        assert await code_of(ledger.signups.accept(signup("lost-1"), FREE)) is Code.LEDGER_UNAVAILABLE
        with pytest.raises(FaucetError) as failed:
            await ledger.queries.jobs()
        assert str(failed.value.__cause__) == "PostgreSQL does not answer"
        assert await code_of(ledger.signups.accept(signup("lost-1"), FREE)) is Code.LEDGER_UNAVAILABLE
        # Once for each of the two connections.
        assert [record.message for record in caplog.records] == ["no connection to the ledger"] * 2
        own.start()
        accepted.append(await ledger.signups.accept(signup("then-1"), FREE))
        assert {job.id for job in await ledger.queries.jobs()} == {job.id for job in accepted}


async def test_frozen_server_holds_up_nobody_for_long(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened_at(own.url()) as ledger:
        await ledger.check_writable()
        monkeypatch.setattr(link_thread, "REPLY_TIMEOUT", 0.2)
        with own.frozen():
            assert await code_of(ledger.signups.accept(signup("late-1"), FREE)) is Code.LEDGER_UNAVAILABLE
            assert await code_of(ledger.signups.accept(signup("never-1"), FREE)) is Code.LEDGER_UNAVAILABLE
        monkeypatch.undo()
        while await code_of(ledger.signups.accept(signup("late-1"), FREE)) is not None:
            """Asking is the waiting."""
        job = await ledger.signups.accept(signup("late-1"), FREE)
        assert [job.id] == [job.id for job in await ledger.queries.jobs()]


async def test_ledger_can_be_closed_while_its_server_is_frozen(own: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = await Ledger.open(own.url())
    await ledger.check_writable()
    monkeypatch.setattr(link_thread, "REPLY_TIMEOUT", 0.2)
    with own.frozen():
        assert await code_of(ledger.signups.accept(signup("late-1"), FREE)) is Code.LEDGER_UNAVAILABLE
        await ledger.close()
