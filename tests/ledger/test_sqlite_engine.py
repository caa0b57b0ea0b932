"""The SQLite engine's writer: waiting for other processes' locks, and durable commits."""

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from jobs.errors import Code
from jobs.ledger.sqlite.engine import MAX_IDLE_LOG
from tests.harness.ledgers import FREE, code_of, opened, signup


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as a transaction has found the file locked."""
    found_locked = threading.Event()
    sleep = time.sleep

    def wait(seconds: float) -> None:
        found_locked.set()
        sleep(seconds)

    monkeypatch.setattr("jobs.ledger.sqlite.engine.time.sleep", wait)
    return found_locked


async def test_transaction_waits_for_another_process(tmp_path: Path, waiting: threading.Event) -> None:
    async with opened(tmp_path) as ledger:
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            accepted = asyncio.create_task(ledger.signups.accept(signup("held-1"), FREE))
            await asyncio.to_thread(waiting.wait)
            assert not accepted.done()
            other.rollback()
        assert (await accepted).signup.name == "held-1"


async def test_cancelled_caller_does_not_roll_back_a_transaction(tmp_path: Path, waiting: threading.Event) -> None:
    async with opened(tmp_path) as ledger:
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            pausing = asyncio.create_task(ledger.pauses.auto_pause("the balance is low"))
            await asyncio.to_thread(waiting.wait)
            pausing.cancel()
            await asyncio.wait([pausing])
            other.rollback()
        await ledger.check_writable()
        assert pausing.cancelled()
        assert (await ledger.pauses.active())["drain"].reason == "the balance is low"


async def test_lock_wait_behind_a_shell_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.ledger.sqlite.engine.LOCK_TIMEOUT", 0.01)
    async with opened(tmp_path) as ledger:
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as shell:
            shell.execute("BEGIN IMMEDIATE")
            assert await code_of(ledger.signups.accept(signup("held-1"), FREE)) is Code.LEDGER_UNAVAILABLE
            shell.rollback()
        assert await code_of(ledger.signups.accept(signup("held-1"), FREE)) is None


async def test_second_close_is_a_no_op(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.close()


async def test_commits_reach_the_disk(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        found = [(await ledger._store.execute(f"PRAGMA {name}"))[0][name] for name in ("journal_mode", "synchronous")]
        assert found == ["wal", 2]


async def test_log_that_a_reader_held_shrinks_once_it_is_gone(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:

        async def write(megabytes: int) -> None:
            insert = "INSERT OR REPLACE INTO facts (name, value) VALUES ('large', zeroblob(?))"
            await ledger._store.execute(insert, (megabytes * 2**20,))

        with closing(sqlite3.connect(tmp_path / "faucet.db", isolation_level=None)) as shell:
            shell.execute("BEGIN")
            shell.execute("SELECT count(*) FROM jobs").fetchone()
            await write(MAX_IDLE_LOG // 2**20 + 4)
            assert not await ledger._store.truncate_log()
            assert ledger.log_size() > MAX_IDLE_LOG
        await write(1)
        await write(1)
        assert ledger.log_size() <= MAX_IDLE_LOG
        assert await ledger._store.truncate_log()
        assert ledger.log_size() == 0
