"""The ledger's tables in PostgreSQL: making, refusing, migrating, and what operators can read in them."""

import asyncio
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from jobs.ledger import Ledger, LedgerError, OldLedgerError
from jobs.ledger.postgresql import database
from jobs.ledger.postgresql.database import CURRENT, MIGRATIONS_FOLDER, SCHEMA, make_or_migrate
from jobs.ledger.postgresql.link import DatabaseLink
from jobs.ledger.postgresql.rows import placed
from jobs.ledger.scripts import scripts_in
from jobs.ledger.sql import Query
from jobs.ledger.sqlite.file import SCHEMA as SQLITE_SCHEMA
from tests.harness.engines import Databases
from tests.harness.ledgers import FREE, KEYS, from_address, opened, raw, signup
from tests.harness.program import ROOT
from tests.harness.statements import STATEMENTS

FIRST_SCHEMA = (ROOT / "tests/data/ledger-postgresql-1.sql").read_text()  #: as it was at version 1


#: SQLite takes each state for a common one; in PostgreSQL these would cost each change of a job a sixth of its time.
SQLITES_OWN = {"jobs_by_time", "jobs_claimed", "jobs_owed"}


def run_in(url: str, schema: str, *migrations: str) -> None:
    link = DatabaseLink(url)
    try:
        link.use(lambda session: make_or_migrate(session, schema, migrations))
    finally:
        link.drop()


async def test_ledger_is_made_once_by_machines_that_start_at_once(databases: Databases, tmp_path: Path) -> None:
    url = databases.url_of(tmp_path)
    ledgers = await asyncio.gather(*(Ledger.open(url) for _ in range(4)))
    for ledger in ledgers:
        await ledger.check_writable()
        await ledger.close()
    await (await Ledger.open_to_read(url)).close()


async def test_other_tables_are_refused_and_left_unchanged(databases: Databases, tmp_path: Path) -> None:
    with databases.connect(tmp_path) as shell:
        shell.execute("CREATE TABLE jobs (colour TEXT)")
        with pytest.raises(LedgerError, match="not a ledger"):
            await Ledger.open(databases.url_of(tmp_path))
        assert shell.execute("SELECT to_regclass('ledger'), count(*) FROM jobs").fetchall() == [(None, 0)]


async def test_newer_ledger_is_refused(databases: Databases, tmp_path: Path) -> None:
    url = databases.url_of(tmp_path)
    await (await Ledger.open(url)).close()
    with databases.connect(tmp_path) as shell:
        shell.execute("UPDATE ledger SET version = 99")
    for attempt in (Ledger.open, Ledger.open_to_read):
        with pytest.raises(LedgerError, match=f"has version 99, this program knows up to {CURRENT}: upgrade it"):
            await attempt(url)


async def test_ledger_that_is_not_made_yet_can_not_be_read(databases: Databases, tmp_path: Path) -> None:
    with pytest.raises(OldLedgerError, match="made when the faucet starts"):
        await Ledger.open_to_read(databases.url_of(tmp_path))


async def test_missing_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match=rf"the ledger's database: .*{tmp_path}"):
        await Ledger.open(f"postgresql://faucet@/faucet?host={tmp_path}")


def test_older_ledger_is_migrated_step_by_step(databases: Databases, tmp_path: Path) -> None:
    scripts = ("ALTER TABLE jobs ADD COLUMN colour TEXT", "ALTER TABLE jobs ADD COLUMN shape TEXT")
    run_in(databases.url_of(tmp_path), FIRST_SCHEMA)
    run_in(databases.url_of(tmp_path), FIRST_SCHEMA, *scripts)
    with databases.connect(tmp_path) as shell:
        assert shell.execute("SELECT colour, shape FROM jobs").fetchall() == []
        assert shell.execute("SELECT version FROM ledger").fetchall() == [(3,)]


def test_failed_migration_leaves_the_ledger_unchanged(databases: Databases, tmp_path: Path) -> None:
    run_in(databases.url_of(tmp_path), FIRST_SCHEMA)
    with pytest.raises(psycopg.errors.UndefinedTable):
        run_in(
            databases.url_of(tmp_path), FIRST_SCHEMA, "ALTER TABLE jobs ADD COLUMN colour TEXT; SELECT 1 FROM nowhere"
        )
    with databases.connect(tmp_path) as shell:
        assert shell.execute("SELECT version FROM ledger").fetchall() == [(1,)]
        with pytest.raises(psycopg.errors.UndefinedColumn):
            shell.execute("SELECT colour FROM jobs")


async def test_migration_waits_for_no_dump(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the turn: whoever reads a table for long, or waits for it, would hold up every machine."""
    monkeypatch.setattr(database, "TABLE_WAIT", "10ms")
    async with opened(tmp_path) as ledger:
        with databases.connect(tmp_path) as shell, shell.transaction():
            shell.execute("SELECT FROM jobs")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                run_in(
                    databases.url_of(tmp_path), "", *scripts_in(MIGRATIONS_FOLDER),
                    "ALTER TABLE jobs ADD COLUMN colour TEXT",
                )  # fmt: skip
            await ledger.check_writable()


#: Columns, and the SQL of everything else.
SHAPE = """
    SELECT table_name, column_name, data_type, column_default, is_nullable, is_identity, collation_name
    FROM information_schema.columns WHERE table_schema = current_schema();
    SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema();
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = current_schema()::regnamespace;
    SELECT tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = current_schema()::regnamespace AND NOT tgisinternal;
    SELECT proname, pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace;
    SELECT viewname, definition FROM pg_views WHERE schemaname = current_schema();
"""


def shape(shell: psycopg.Connection, schema: str) -> set[tuple[str, ...]]:
    """All that makes a ledger's schema, without its name."""
    rows = [row for sql in SHAPE.split(";")[:-1] for row in shell.execute(sql).fetchall()]
    return {tuple(str(value).replace(f"{schema}.", "") for value in row) for row in rows}


def test_migrated_ledger_equals_a_new_one(databases: Databases, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run_in(databases.url_of(old), FIRST_SCHEMA)
    for folder in (old, new):
        run_in(databases.url_of(folder), SCHEMA.read_text(), *scripts_in(MIGRATIONS_FOLDER))
    shapes = []
    for folder in (old, new):
        with databases.connect(folder) as shell:
            shapes.append(shape(shell, databases.schema_of(folder)))
    assert len(shapes[0]) > 150
    assert shapes[0] == shapes[1]


def columns_in(sql: str) -> dict[str, list[str]]:
    """The columns of each table, with their comments."""
    tables = re.findall(r"^CREATE TABLE (\w+) \((.*?)^\)", sql, re.MULTILINE | re.DOTALL)
    column = re.compile(r" {4}([a-z]\w*) +(?:INTEGER|TEXT|BIGINT|BOOLEAN)\b")
    return {table: [match[1] for line in body.splitlines() if (match := column.match(line))] for table, body in tables}


def comments_in(sql: str) -> list[str]:
    """The comments on the tables of jobs and what belongs to them; flags are numbers in SQLite."""
    tables = sql[sql.index("CREATE TABLE transactions") : sql.index("-- Jobs by state")]
    words = re.sub(r"-- true: ", "-- 1: ", tables.replace("false: one stranger", "0: one stranger"))
    return re.findall(r" {2}-- (.*)", words)


def test_both_schemas_have_the_same_columns_and_indexes() -> None:
    sqlite, postgresql = SQLITE_SCHEMA.read_text(), SCHEMA.read_text()
    expected = columns_in(sqlite)
    expected["ledger"].insert(0, "version")  # SQLite keeps it in the file's header
    assert columns_in(postgresql) == expected
    index = re.compile(r"^CREATE (?:UNIQUE )?INDEX .*?;", re.MULTILINE | re.DOTALL)
    assert index.findall(postgresql) == [sql for sql in index.findall(sqlite) if sql.split()[2] not in SQLITES_OWN]
    named = re.compile(r"CONSTRAINT (\w+) ")
    assert named.findall(postgresql) == named.findall(sqlite)


def test_both_schemas_have_the_same_comments() -> None:
    assert comments_in(SQLITE_SCHEMA.read_text()) == comments_in(SCHEMA.read_text())


@pytest.fixture
def made(databases: Databases, tmp_path: Path) -> psycopg.Connection:
    """A session in a new ledger."""
    run_in(databases.url_of(tmp_path), SCHEMA.read_text())
    return databases.connect(tmp_path)


def test_every_statement_is_taken(made: psycopg.Connection) -> None:
    with made:
        for name, statement in STATEMENTS.items():
            sql = statement.sql if isinstance(statement, Query) else statement
            for number in range(1, sql.count("?") + 1):
                sql = sql.replace("?", f"${number}", 1)
            try:
                made.execute(f"PREPARE statement AS {sql}")
            except psycopg.Error as error:
                raise AssertionError(f"{name}: {error}") from None
            made.execute("DEALLOCATE statement")


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_no_row_is_compared_with_each_value_of_a_list(name: str) -> None:
    """PostgreSQL may do so where a list is a sub-select."""
    statement = STATEMENTS[name]
    sql = placed(statement.sql if isinstance(statement, Query) else statement)
    assert not re.search(r"IN \(SELECT [^()]*(?:\([^()]*\))? FROM json_each", sql)


def test_sqlite_and_postgresql_return_the_same_columns(made: psycopg.Connection) -> None:
    with closing(sqlite3.connect(":memory:")) as file, made:
        file.executescript(SQLITE_SCHEMA.read_text())
        for name in ("signed_transactions", "job_report", "queue", "today"):
            there = made.execute(f"SELECT * FROM {name}").description or ()
            here = file.execute(f"SELECT * FROM {name}").description
            assert [column.name for column in there] == [column for column, *_ in here]


@pytest.mark.usefixtures("databases")
async def test_operators_views_show_jobs_without_keys(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("seen-1"), from_address("192.0.2.1"))
        assert raw(tmp_path, "SELECT id, name, attempts FROM queue") == [(job.id, "seen-1", 0)]
        (row,) = raw(tmp_path, "SELECT * FROM job_report")
        assert not [value for value in row if value in KEYS.values()]
        assert row[-1] == "2023-11-14 22:13:20"
    async with opened(tmp_path, time.time) as ledger:
        await ledger.signups.accept(signup("seen-2"), FREE)
        assert raw(tmp_path, "SELECT * FROM today") == [("queued", 1)]
        assert raw(tmp_path, "SELECT age FROM queue WHERE name = 'seen-2'")[0][0] in range(60)
