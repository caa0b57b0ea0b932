"""Moving a ledger to PostgreSQL and back: all of it is there, and whatever interrupts it, it goes on."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import psycopg
import pytest

from jobs.errors import Code
from jobs.ledger import Ledger, LedgerError
from jobs.ledger.backup import back_up
from jobs.ledger.move.mover import Moved, move
from jobs.ledger.move.places import place_of
from jobs.ledger.move.tables import ADDED, LEFT_OUT, REPLACED
from jobs.ledger.postgresql.move import PostgresqlTarget
from jobs.ledger.sqlite.file import SCHEMA
from jobs.ledger.sqlite.move import SqliteTarget
from jobs.model.job import State
from jobs.model.transaction import Kind
from tests.harness.ledgers import FREE, code_of, from_address, signed_transaction, signup
from tests.harness.moves import FEW, accept, ends, failing, killed, moved, rows_of, run_in, used
from tests.harness.postgresql import Server


def test_every_table_is_moved_or_left_out_on_purpose() -> None:
    with closing(sqlite3.connect(":memory:")) as schema:
        schema.executescript(SCHEMA.read_text())
        names = {name for (name,) in schema.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {*ADDED, *REPLACED, *LEFT_OUT} == names


async def test_ledger_is_the_same_there_and_back(file: Path, url: str, tmp_path: Path) -> None:
    run_in(
        file, "UPDATE jobs SET referrer = '', reason = 'שלום \u200f\U0001f4a9 \u0301 \t\\N \\u0000 ' WHERE number = 1"
    )
    before, back = rows_of(file), tmp_path / "back.db"
    assert {row[10] for row in before["jobs"]} == {state.value for state in State}
    assert [name for name, rows in before.items() if not rows] == []
    result = moved(file, url)
    assert result == Moved({name: len(rows) for name, rows in before.items()}, 0)
    assert rows_of(url) == before
    assert rows_of(file) == before, "it is left as it was"
    moved(url, back)
    assert rows_of(back) == before
    assert [epoch for (epoch,) in (run_in(at, "SELECT epoch FROM ledger")[0] for at in (file, url, back))] == [1, 2, 2]
    assert run_in(back, "PRAGMA integrity_check") == [("ok",)]
    assert run_in(url, "SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_moved_ledger_goes_on(there: str, file: Path, url: str) -> None:
    """Numbers go on, counts are right and limits hold."""
    source, at = await ends(there, file, url)
    moved(source, at)
    before = rows_of(at)

    async def use(ledger: Ledger) -> None:
        assert await code_of(ledger.signups.accept(signup("client-2"), from_address("192.0.2.1"))) is Code.THROTTLED
        job = await ledger.signups.accept(signup("new-1"), FREE)
        await ledger.drain.record_signed([signed_transaction(Kind.REGISTRATION, [job], "new")])
        await ledger.operators.record(who="ann", what="pause")
        await ledger.outbox.save_alerts([], ended=[], mails=[("subject", "body")])
        await ledger.reconciliation.begin(1)

    await used(at, use)
    after = rows_of(at)
    for table in ("jobs", "transactions", "audit", "mails", "reconciliations"):
        numbers = sorted(row[0] for row in after[table])
        assert numbers == [*sorted(row[0] for row in before[table]), numbers[-2] + 1]
    counted = run_in(at, "SELECT state, count(*) FROM jobs GROUP BY state ORDER BY state")
    assert run_in(at, "SELECT state, jobs FROM job_counts WHERE jobs > 0 ORDER BY state") == counted
    sums = "SELECT sum(accepted), sum(registered), sum(failed) FROM activity WHERE span = 'day'"
    recount = "SELECT count(*), count(registered_at), sum(CASE WHEN state = 'failed' THEN 1 ELSE 0 END) FROM jobs"
    assert run_in(at, sums) == run_in(at, recount)
    assert run_in(at, "SELECT sum(committed) FROM spending") == run_in(at, "SELECT sum(reserved) FROM transactions")


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_move_killed_at_any_batch_goes_on(there: str, file: Path, url: str) -> None:
    before = rows_of(file)
    source, target = await ends(there, file, url)
    codes = []
    for last in range(2, 1000, 7):
        arguments = (str(source), str(target), str(FEW), str(last))
        codes.append(await killed(*arguments))
        if codes[-1] == 0:
            break
        assert codes[-1] == -9
        with pytest.raises(LedgerError, match="is being moved here, and is not whole yet"):
            await Ledger.open(target)
    assert len(codes) > 5
    assert rows_of(target) == before
    await accept(target, "after-1")
    with pytest.raises(LedgerError, match="was moved to"):
        await Ledger.open(source)


@pytest.mark.parametrize("call", [1, 5, 20, 45])
async def test_interrupted_move_leaves_the_source_in_use(call: int, file: Path, url: str) -> None:
    with pytest.raises(KeyboardInterrupt):
        move(file, url, failing(call), batch=FEW)
    with pytest.raises(LedgerError, match=rf"the ledger {file} is being moved here"):
        await Ledger.open(url)
    await accept(file, "meanwhile-1")
    await used(file, lambda ledger: ledger.operators.resume("drain", by="ann"))
    before = rows_of(file)
    moved(file, url)
    assert rows_of(url) == before, "what was copied before is compared, and copied anew"


async def test_transaction_that_is_under_way_is_moved_too(file: Path, url: str, tmp_path: Path) -> None:
    moved(file, url)
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with psycopg.connect(url) as writing:
        writing.execute("SELECT 1 FROM ledger FOR UPDATE")
        writing.execute("INSERT INTO pins VALUES ('late', '', TRUE, 1)")
        moving = asyncio.create_task(asyncio.to_thread(moved, url, tmp_path / "back.db"))
        while not await asyncio.to_thread(run_in, url, waiting):
            """Asking is the waiting: no event tells of it."""
        writing.commit()
    await moving
    assert ("late",) in run_in(tmp_path / "back.db", "SELECT name FROM pins")


async def test_texts_have_one_order_whatever_the_databases_own_is(
    file: Path, postgresql: Server, tmp_path: Path
) -> None:
    """Elsewhere it is not that of their bytes, by which a move goes on."""
    with postgresql.connect() as shell:
        shell.execute("CREATE DATABASE sorted TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'")
    url = postgresql.url().replace("/postgres?", "/sorted?")
    pins = ("B", "a", "C", "ä", "_", "z", "-a", "b")
    values = ", ".join(f"('{name}', '', 1, 1)" for name in pins)
    run_in(file, f"INSERT INTO pins VALUES {values}")
    before, back = rows_of(file), tmp_path / "back.db"
    try:
        for source, target in ((file, url), (url, back)):
            for call in range(5, 60, 5):
                with suppress(KeyboardInterrupt):
                    move(source, target, failing(call), batch=1)
            moved(source, target)
            assert rows_of(target) == before
        assert run_in(url, "SELECT 'a' < 'B'") == [(True,)], "it sorts as people do"
    finally:
        with postgresql.connect() as shell:
            shell.execute("DROP DATABASE sorted")


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_move_that_ends_between_the_marks_is_finished(
    there: str, file: Path, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither ledger is used then: the source is marked first."""
    before = rows_of(file)
    source, target = await ends(there, file, url)

    def fail(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        for side in (PostgresqlTarget, SqliteTarget):
            patched.setattr(side, "finish", fail)
        with pytest.raises(KeyboardInterrupt):
            moved(source, target)
    with pytest.raises(LedgerError, match="this ledger was moved to"):
        await Ledger.open(source)
    with pytest.raises(LedgerError, match="run the same"):
        await Ledger.open(target)
    with pytest.raises(LedgerError, match="this ledger was moved to"):
        moved(source, tmp_path / "other.db" if there == "sqlite" else f"{url}&application_name=other")
    moved(source, target)
    assert rows_of(target) == before
    await accept(target, "after-1")


async def test_ledger_moves_to_one_that_init_has_made(file: Path, url: str) -> None:
    await used(url, lambda ledger: ledger.check_writable())
    moved(file, url)
    await accept(url, "after-1")


async def test_backup_is_moved(file: Path, url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(file, copy)
    before = rows_of(copy)
    moved(copy, url)
    assert rows_of(url) == before
    assert "restored_from" in {name for name, _ in before["facts"]}, "it lacks what came after it"


async def test_text_that_postgresql_can_not_hold_is_replaced_and_counted(file: Path, url: str) -> None:
    run_in(file, "UPDATE jobs SET email = 'a' || char(0) || 'b' WHERE number = 1")
    run_in(file, "UPDATE jobs SET email = CAST(x'61eda080ff' AS TEXT) WHERE number = 2")
    assert moved(file, url).changed_texts == 2
    first, second = run_in(url, "SELECT email FROM jobs WHERE number < 3 ORDER BY number")
    assert first == ("a\ufffdb",)
    assert second[0].startswith("a\ufffd")


def test_place_shows_no_password() -> None:
    given = "postgresql://ann:secret@db1,db2/faucet?passfile=%2Fetc%2Fpass&target_session_attrs=read-write"
    assert place_of(given) == "postgresql://ann@db1,db2/faucet?target_session_attrs=read-write"
    assert place_of("postgresql://db1/faucet?password=secret") == "postgresql://db1/faucet"
