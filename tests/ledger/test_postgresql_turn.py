"""The turn of PostgreSQL's engine: it is waited for, but not for long behind what stands still."""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger.postgresql import turn
from jobs.ledger.store import Tx
from tests.harness.engines import Databases
from tests.harness.ledgers import FREE, code_of, open_ledger, opened, signup
from tests.harness.loglines import log_lines
from tests.harness.turns import turn_held, until, waiting

#: The lock is that of the row, and its table's is the sign.
HAS_THE_TURN = """
    SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE relation = 'ledger'::regclass AND mode = 'RowShareLock' AND wait_event_type = 'Client'
"""


async def test_transaction_waits_for_another_machine(databases: Databases, tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        with turn_held(databases, tmp_path):
            accepted = asyncio.create_task(ledger.signups.accept(signup("held-1"), FREE))
            await waiting(databases, tmp_path)
            assert not accepted.done()
        assert (await accepted).signup.name == "held-1"


async def test_wait_behind_a_long_statement_times_out(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "WAITS", ("10ms", "10ms"))
    async with opened(tmp_path) as ledger:
        with turn_held(databases, tmp_path) as other:
            busy = asyncio.create_task(asyncio.to_thread(other.execute, "SELECT pg_sleep(60)"))
            with pytest.raises(FaucetError) as refused:
                await ledger.signups.accept(signup("held-1"), FREE)
            other.cancel()
            await asyncio.wait([busy])
        assert isinstance(busy.exception(), psycopg.errors.QueryCanceled)
        assert refused.value.code is Code.LEDGER_UNAVAILABLE
        assert str(refused.value.__cause__) == "canceling statement due to lock timeout (55P03)"
        assert await code_of(ledger.signups.accept(signup("held-1"), FREE)) is None


def stop_between_statements(other: psycopg.Connection) -> None:
    """As an operator who thinks, or a machine that is stopped."""
    other.execute("BEGIN; SELECT 1 FROM ledger FOR UPDATE")


def stop_amid_a_pipeline(other: psycopg.Connection) -> None:
    """As a machine that is stopped while it sends many rows: the server waits for the end, without a limit."""
    other.pgconn.enter_pipeline_mode()
    for statement in (b"BEGIN", b"SELECT 1 FROM ledger FOR UPDATE"):
        other.pgconn.send_query_params(statement, None)
    other.pgconn.flush()


def stop_amid_a_reply(other: psycopg.Connection) -> None:
    """As a machine that is stopped while it gets many rows: the server can't send the rest."""
    other.pgconn.send_query(b"BEGIN; SELECT 1 FROM ledger FOR UPDATE; SELECT repeat('x', 100000000)")


@pytest.mark.parametrize("stop", [stop_between_statements, stop_amid_a_pipeline, stop_amid_a_reply])
async def test_session_that_stands_still_in_its_turn_is_ended(
    databases: Databases, tmp_path: Path, stop: Callable[[psycopg.Connection], None], caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the server's own limit does not hold."""
    async with opened(tmp_path) as ledger:
        with closing(databases.connect(tmp_path)) as other, databases.connect(tmp_path) as shell:
            stop(other)
            await until(shell, HAS_THE_TURN)
            assert await code_of(ledger.signups.accept(signup("next-1"), FREE)) is None
            assert shell.execute(HAS_THE_TURN).fetchall() == []
        (line,) = [line for line in log_lines(caplog.records) if "stalled session ended" in line]
        assert 'ended=True application=""' in line


@pytest.mark.usefixtures("databases")
async def test_machine_that_stands_still_amid_a_transaction_loses_it(tmp_path: Path) -> None:
    """Others accept within 2.5 seconds."""
    still, go_on = threading.Event(), threading.Event()
    slow, quick = [await open_ledger(tmp_path) for _ in range(2)]

    def stand_still(tx: Tx) -> None:
        tx.execute("DELETE FROM blocks")
        still.set()
        go_on.wait()
        tx.execute("DELETE FROM blocks")

    stopped = asyncio.create_task(slow._store.run(stand_still))
    await asyncio.to_thread(still.wait)
    began = time.monotonic()
    await quick.signups.accept(signup("next-1"), FREE)
    assert time.monotonic() - began < 2.5
    go_on.set()
    assert await code_of(stopped) is Code.LEDGER_UNAVAILABLE
    await slow.signups.accept(signup("next-2"), FREE)
    for ledger in (slow, quick):
        await ledger.close()


async def test_cancelled_caller_does_not_roll_back_a_transaction(databases: Databases, tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        with turn_held(databases, tmp_path):
            pausing = asyncio.create_task(ledger.pauses.auto_pause("the balance is low"))
            await waiting(databases, tmp_path)
            pausing.cancel()
            await asyncio.wait([pausing])
        await ledger.check_writable()
        assert pausing.cancelled()
        assert (await ledger.pauses.active())["drain"].reason == "the balance is low"
