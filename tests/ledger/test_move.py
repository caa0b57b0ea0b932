"""Moving a ledger to PostgreSQL and back: all of it, and never two ledgers in use, whatever happens amid it."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.errors import Code
from jobs.ledger import Ledger, LedgerError
from jobs.ledger.backup import back_up
from jobs.ledger.engines import Location
from jobs.ledger.move.mover import Moved, move
from jobs.ledger.move.places import place_of
from jobs.ledger.move.tables import ADDED, LEFT_OUT, REPLACED
from jobs.ledger.postgresql.move import PostgresqlTarget
from jobs.ledger.processes import this_process
from jobs.ledger.sqlite.file import SCHEMA
from jobs.ledger.sqlite.move import SqliteTarget
from jobs.ledger.sqlite.tables import declared
from jobs.model.job import State
from jobs.model.owner import Candidate
from jobs.model.transaction import Kind
from tests.harness.ledger_states import reach_every_state
from tests.harness.ledgers import FREE, Clock, code_of, from_address, signed_transaction, signup
from tests.harness.postgresql import Server
from tests.harness.program import ROOT

TABLES = declared((*ADDED, *REPLACED))
FEW = 3  #: rows of a transaction, so that each table takes several

Dump = dict[str, list[tuple[Any, ...]]]


def nobody(_task: str, _done: int, _total: int) -> None:
    """Listens to no report."""


def moved(source: Location, target: Location) -> Moved:
    return move(source, target, nobody, batch=FEW)


def failing(call: int, error: type[BaseException] = KeyboardInterrupt) -> Callable[[str, int, int], None]:
    """A report that interrupts the move at this call."""
    calls = iter(range(1, call + 1))

    def report(_task: str, _done: int, _total: int) -> None:
        if next(calls) == call:
            raise error

    return report


def rows_of(location: Location) -> Dump:
    """All that is in a ledger but its own row and the sessions; flags as numbers."""
    with closing(sqlite3.connect(location) if isinstance(location, Path) else psycopg.connect(location)) as shell:
        rows: Dump = {}
        for table in TABLES:
            found = shell.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}").fetchall()
            plain = [tuple(int(value) if isinstance(value, bool) else value for value in row) for row in found]
            rows[table.name] = sorted(plain, key=repr)
        return rows


def run_in(location: Location, sql: str) -> list[tuple[Any, ...]]:
    """What a shell gets."""
    if isinstance(location, Path):
        with closing(sqlite3.connect(location, isolation_level=None)) as shell:
            return shell.execute(sql).fetchall()
    with psycopg.connect(location, autocommit=True) as session:
        cursor = session.execute(sql)
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def url(postgresql: Server) -> str:
    """An empty database."""
    return postgresql.url(postgresql.new_schema())


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A ledger with a job in every state and rows in every table; nobody has it open."""
    path = tmp_path / "faucet.db"
    await used(path, reach_every_state)
    return path


async def used(location: Location, use: Callable[[Ledger], Any], clock: Callable[[], float] | None = None) -> Any:
    """What `use` returns of the ledger, which is closed again."""
    ledger = await Ledger.open(location, clock=clock or Clock())
    try:
        return await use(ledger)
    finally:
        await ledger.close()


async def accept(location: Location, name: str) -> None:
    await used(location, lambda ledger: ledger.signups.accept(signup(name), FREE))


async def ends(there: str, file: Path, url: str) -> tuple[Location, Location]:
    """Where a ledger is, and where it is to be: `there`, in PostgreSQL or in a file."""
    if there == "postgresql":
        return file, url
    moved(file, url)
    return url, file.with_name("back.db")


async def killed(*arguments: str) -> int:
    """The exit code of a move that is killed, unless it ends before."""
    program = (sys.executable, "-m", "tests.harness.killed_move")
    return await (await asyncio.create_subprocess_exec(*program, *arguments, cwd=ROOT)).wait()


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
    elsewhere: Location = tmp_path / "other.db" if there == "sqlite" else f"{url}&application_name=other"
    with pytest.raises(LedgerError, match="this ledger was moved to"):
        moved(source, elsewhere)
    moved(source, target)
    assert rows_of(target) == before
    await accept(target, "after-1")


async def test_moved_ledger_is_used_no_more(file: Path, url: str, tmp_path: Path) -> None:
    moved(file, url)
    sentence = r"this ledger was moved to postgresql://.*, which is the one to use; `faucet.py move --from '.*' --to …`"
    for attempt in (Ledger.open, Ledger.open_to_read):
        with pytest.raises(LedgerError, match=sentence):
            await attempt(file)
    with pytest.raises(LedgerError, match=sentence):
        moved(file, url)
    copy = tmp_path / "copy.db"
    back_up(file, copy)
    with pytest.raises(LedgerError, match=sentence):
        await Ledger.open(copy)


async def test_backup_of_a_moved_ledger_can_be_used_again(file: Path, url: str, tmp_path: Path) -> None:
    """It knows that it is one: what came after it is looked for on the chain."""
    moved(file, url)
    back_up(file, copy := tmp_path / "copy.db")
    run_in(copy, "UPDATE ledger SET moved_to = NULL")
    await accept(copy, "again-1")
    assert run_in(copy, "SELECT value FROM facts WHERE name = 'restored_from'") == [("2",)]


async def test_faucet_that_has_the_ledger_open_writes_no_more_once_it_is_moved(file: Path, url: str) -> None:
    async def use(ledger: Ledger) -> None:
        run_in(url, "UPDATE ledger SET moved_to = '/somewhere'")
        assert await code_of(ledger.signups.accept(signup("late-1"), FREE)) is Code.LEDGER_UNAVAILABLE

    moved(file, url)
    await used(url, use)
    assert run_in(url, "SELECT 1 FROM jobs WHERE name = 'late-1'") == []


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_ledger_that_is_open_elsewhere_is_not_moved(there: str, file: Path, url: str) -> None:
    source, target = await ends(there, file, url)
    sentences = {
        "postgresql": "faucet.db is open in another process: stop the faucet",
        "sqlite": "connections of faucets to this database are open: stop these faucets first",
    }

    async def use(ledger: Ledger) -> None:
        assert await ledger.queries.jobs()
        await ledger.check_writable()
        with pytest.raises(LedgerError, match=sentences[there]):
            moved(source, target)

    await used(source, use)
    moved(source, target)


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_ledger_whose_chain_is_owned_is_not_moved(there: str, file: Path, url: str) -> None:
    source, target = await ends(there, file, url)
    owner = Candidate("machine-1", "elsewhere")
    assert await used(source, lambda ledger: ledger.lease.acquire(owner, 60), time.time)
    with pytest.raises(LedgerError, match="machine-1 owns the chain with"):
        moved(source, target)
    boot, namespace, _, started = this_process().split("/")
    gone = "/".join((boot, namespace, str(2**22 + 1), started))
    run_in(source, f"UPDATE ledger SET process = '{gone}'")
    moved(source, target)
    owned = run_in(target, "SELECT epoch, owner, process FROM ledger")[0]
    assert owned[1:] == (None, None)
    assert owned[0] == run_in(source, "SELECT epoch FROM ledger")[0][0]


async def test_nobody_else_uses_the_source_meanwhile(file: Path, url: str, tmp_path: Path) -> None:
    def look_at_file(task: str, _done: int, _total: int) -> None:
        with (
            pytest.raises(sqlite3.OperationalError, match="locked"),
            closing(sqlite3.connect(file, timeout=0)) as shell,
        ):
            shell.execute("SELECT * FROM jobs")
        seen.add(task)

    def look_at_database(task: str, _done: int, _total: int) -> None:
        with pytest.raises(psycopg.errors.LockNotAvailable):
            run_in(url, "SELECT 1 FROM ledger FOR UPDATE NOWAIT")
        seen.add(task)

    seen: set[str] = set()
    move(file, url, look_at_file, batch=FEW)
    move(url, tmp_path / "back.db", look_at_database, batch=FEW)
    assert seen == {"copied", "compared"}


@pytest.mark.parametrize("there", ["postgresql", "sqlite"])
async def test_ledger_at_the_target_is_left_alone(there: str, file: Path, url: str) -> None:
    source, target = await ends(there, file, url)
    await accept(target, "theirs-1")
    before = rows_of(target)
    with pytest.raises(LedgerError, match=r"there is a ledger at .* already: nothing was changed"):
        moved(source, target)
    assert rows_of(target) == before
    await accept(source, "ours-1")


async def test_ledger_moves_to_one_that_init_has_made(file: Path, url: str) -> None:
    await used(url, lambda ledger: ledger.check_writable())
    moved(file, url)
    await accept(url, "after-1")


async def test_half_a_move_of_another_ledger_is_left_alone(file: Path, url: str, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        move(file, url, failing(20), batch=FEW)
    other = tmp_path / "other.db"
    await accept(other, "other-1")
    with pytest.raises(LedgerError, match="another ledger is being moved to"):
        moved(other, url)
    back_up(file, copy := tmp_path / "copy.db")
    with pytest.raises(LedgerError, match="another ledger is being moved to"):
        moved(copy, url)
    with pytest.raises(LedgerError, match="is being moved here, and is not whole yet"):
        moved(url, tmp_path / "back.db")
    moved(file, url)


async def test_backup_is_moved(file: Path, url: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    back_up(file, copy)
    before = rows_of(copy)
    moved(copy, url)
    assert rows_of(url) == before
    assert "restored_from" in {name for name, _ in before["facts"]}, "it lacks what came after it"


async def test_difference_ends_the_move_before_anything_is_switched_over(file: Path, url: str) -> None:
    def tamper(task: str, done: int, _total: int) -> None:
        if (task, done) == ("compared", 0):
            run_in(url, "UPDATE jobs SET email = 'else' WHERE number = 2")

    with pytest.raises(LedgerError, match=r"jobs has 10 rows at .*, and 10 at .* neither ledger was switched over"):
        move(file, url, tamper, batch=FEW)
    await accept(file, "still-1")
    moved(file, url)
    assert rows_of(url)["jobs"] == rows_of(file)["jobs"]


async def test_text_that_postgresql_can_not_hold_is_replaced_and_counted(file: Path, url: str) -> None:
    run_in(file, "UPDATE jobs SET email = 'a' || char(0) || 'b' WHERE number = 1")
    run_in(file, "UPDATE jobs SET email = CAST(x'61eda080ff' AS TEXT) WHERE number = 2")
    assert moved(file, url).changed_texts == 2
    first, second = run_in(url, "SELECT email FROM jobs WHERE number < 3 ORDER BY number")
    assert first == ("a\ufffdb",)
    assert second[0].startswith("a\ufffd")


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("UPDATE jobs SET attempts = 'many' WHERE number = 3", "jobs, 3: no whole number is where one must be"),
        ("UPDATE jobs SET email = x'00' WHERE number = 3", "jobs, 3: no text is where one must be"),
    ],
)
async def test_value_of_another_type_ends_the_move(sql: str, sentence: str, file: Path, url: str) -> None:
    run_in(file, sql)
    with pytest.raises(LedgerError, match=sentence):
        moved(file, url)
    await accept(file, "still-1")


async def test_only_a_ledger_of_this_version_is_moved(file: Path, url: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="there is no ledger"):
        moved(tmp_path / "nothing.db", url)
    assert not (tmp_path / "nothing.db").exists()
    run_in(file, "PRAGMA user_version = 3")
    with pytest.raises(LedgerError, match="has version 3, and is migrated when the faucet starts"):
        moved(file, url)
    with pytest.raises(LedgerError, match="there is none in the database"):
        moved(url, tmp_path / "back.db")
    assert not (tmp_path / "back.db").exists()


async def test_ledger_is_not_moved_to_a_server_that_may_forget(file: Path, url: str) -> None:
    with pytest.raises(LedgerError, match="synchronous_commit is off"):
        moved(file, f"{url}%20-csynchronous_commit%3Doff")
    assert run_in(url, "SELECT to_regclass('ledger')") == [(None,)]
    await accept(file, "still-1")


def test_ledger_is_moved_from_one_engine_to_the_other(tmp_path: Path) -> None:
    for source, target in ((tmp_path / "a", tmp_path / "b"), ("postgresql://a/b", "postgresql://c/d")):
        with pytest.raises(LedgerError, match="from a file to PostgreSQL, or from there to a file"):
            moved(source, target)


def test_place_shows_no_password() -> None:
    given = "postgresql://ann:secret@db1,db2/faucet?passfile=%2Fetc%2Fpass&target_session_attrs=read-write"
    assert place_of(given) == "postgresql://ann@db1,db2/faucet?target_session_attrs=read-write"
    assert place_of("postgresql://db1/faucet?password=secret") == "postgresql://db1/faucet"
