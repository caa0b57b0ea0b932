"""The ledger's SQLite file: opening, refusing, migrating, and what operators can read in it."""

import asyncio
import os
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jobs.ledger import Ledger, LedgerError
from jobs.ledger.sqlite import file
from jobs.ledger.sqlite.file import migrations, prepare
from tests.harness.ledgers import FREE, KEYS, from_address, opened, raw, signup
from tests.harness.program import ROOT, command

SCHEMA = (ROOT / "faucet.db.sql").read_text()
FIRST_SCHEMA = (ROOT / "tests/data/ledger-1.sql").read_text()  #: as it was at version 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"plain text" * 500, "file is not a database"),
        ("CREATE TABLE other (x); PRAGMA user_version = 0", "not a ledger"),
        ("CREATE TABLE jobs (x); PRAGMA user_version = 99", "has version 99"),
    ],
)
async def test_other_file_is_refused_and_left_unchanged(tmp_path: Path, content: bytes | str, sentence: str) -> None:
    path = tmp_path / "faucet.db"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(content)
    tables = path.read_bytes()[100:]
    with pytest.raises(LedgerError, match=sentence):
        await Ledger.open(path)
    assert path.read_bytes()[100:] == tables


def make_special(path: Path, kind: str) -> None:
    """Put something at `path` that is no file of a database."""
    if kind == "pipe":
        os.mkfifo(path, 0o644)
    elif kind == "socket":
        with closing(socket.socket(socket.AF_UNIX)) as made:
            made.bind(str(path))
    elif kind == "link to itself":
        path.symlink_to(path)
    else:
        path.mkdir()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("faucet.db", kind) for kind in ("folder", "pipe", "socket", "link to itself")),
        ("faucet.db-journal", "pipe"),
        ("faucet.db-wal", "folder"),
    ],
)
async def test_ledger_that_is_no_regular_file_is_refused_and_left(tmp_path: Path, name: str, kind: str) -> None:
    """Of a device, SQLite would make an empty ledger; a pipe would be read for ever."""
    special, config = tmp_path / name, tmp_path / "config.yaml"
    config.write_text("")
    make_special(special, kind)
    mode = special.lstat().st_mode

    for arguments in (("init",), ("jobs",), ("backup", str(tmp_path / "copy.db"))):
        code, _, errors = await command(arguments[0], "--config", str(config), *arguments[1:])
        assert (code, len(errors.splitlines())) == (1, 1)

    assert stat.S_IMODE(special.lstat().st_mode) == stat.S_IMODE(mode)
    assert not (tmp_path / "copy.db").exists()


async def damaged_ledger(folder: Path) -> Path:
    """A ledger with three corrupt pages."""
    async with opened(folder) as ledger:
        await asyncio.gather(*(ledger.signups.accept(signup(f"job-{number}"), FREE) for number in range(200)))
    path = folder / "faucet.db"
    damaged = bytearray(path.read_bytes())
    damaged[8192:20480] = b"\xaa" * 12288
    path.write_bytes(damaged)
    return path


async def test_damaged_ledger_is_refused_and_left_unchanged(tmp_path: Path) -> None:
    path = await damaged_ledger(tmp_path)
    damaged = path.read_bytes()
    with pytest.raises(LedgerError):
        await Ledger.open(path)
    assert path.read_bytes()[8192:20480] == damaged[8192:20480]


async def test_older_file_with_a_newer_log_is_refused_and_left(tmp_path: Path) -> None:
    """Copied without its log, while the faucet ran."""
    path, slipped = tmp_path / "faucet.db", tmp_path / "slipped" / "faucet.db"
    slipped.parent.mkdir()
    async with opened(tmp_path) as ledger:
        await asyncio.gather(*(ledger.signups.accept(signup(f"before-{number}"), FREE) for number in range(200)))
        raw(tmp_path, "PRAGMA wal_checkpoint(RESTART)")
        slipped.write_bytes(path.read_bytes())
        await asyncio.gather(*(ledger.signups.accept(signup(f"then-{number}"), FREE) for number in range(200)))
        raw(tmp_path, "PRAGMA wal_checkpoint(RESTART)")
        await ledger.signups.accept(signup("after-1"), FREE)
        log = slipped.with_name("faucet.db-wal")
        log.write_bytes(path.with_name(log.name).read_bytes())
    before = (slipped.read_bytes(), log.read_bytes())
    with pytest.raises(LedgerError, match=r"restore a backup; .*, and faucet\.db-wal must be moved away with it"):
        await Ledger.open(slipped)
    assert (slipped.read_bytes(), log.read_bytes()) == before


async def test_older_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 37, 2))
    for open_ledger in (Ledger.open, Ledger.open_to_read):
        with pytest.raises(LedgerError, match=r"^SQLite 3\.38\.0 or newer is needed, and this Python has 3\."):
            await open_ledger(tmp_path / "faucet.db")
    assert not list(tmp_path.iterdir())


async def test_check_of_a_large_ledger_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it would have found later holds up no start."""
    monkeypatch.setattr(file, "CHECK_TIMEOUT", 0)
    monkeypatch.setattr(file, "CHECK_INTERVAL", 1)
    path = await damaged_ledger(tmp_path)

    await (await Ledger.open(path)).close()


def test_older_ledger_is_migrated_step_by_step() -> None:
    scripts = ("ALTER TABLE jobs ADD COLUMN colour TEXT", "ALTER TABLE jobs ADD COLUMN shape TEXT")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, SCHEMA, ())
        prepare(connection, SCHEMA, scripts)
        columns = {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}
        assert {"colour", "shape"} <= columns
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def shape(connection: sqlite3.Connection) -> dict[str, tuple[Any, ...]]:
    """A ledger's schema: the columns of each table, and the SQL of everything else."""
    objects = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'").fetchall()
    return {
        name: tuple(connection.execute(f"PRAGMA table_xinfo({name})").fetchall()) if kind == "table" else (sql,)
        for kind, name, sql in objects
    }


def test_migrated_ledger_equals_a_new_one() -> None:
    with (
        closing(sqlite3.connect(":memory:", isolation_level=None)) as old,
        closing(sqlite3.connect(":memory:", isolation_level=None)) as new,
    ):
        prepare(old, FIRST_SCHEMA, ())
        prepare(old, SCHEMA, migrations())
        prepare(new, SCHEMA, migrations())
        assert shape(old) == shape(new)
        assert old.execute("PRAGMA user_version").fetchone() == new.execute("PRAGMA user_version").fetchone()


def test_migration_counts_earlier_activity() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, FIRST_SCHEMA, ())
        job = "'n', '', '', '', 0, 0"
        connection.executescript(f"""
            INSERT INTO jobs (id, name, owner_key, active_key, memo_key, created_at, updated_at, state, code)
            VALUES ('a', {job.replace("0, 0", "60000, 61000")}, 'queued', NULL),
                   ('b', {job.replace("'n'", "'m'").replace("0, 0", "61000, 125000")}, 'failed', 'account_exists');
            UPDATE jobs SET registered_at = 86400000 WHERE id = 'a';
        """)
        prepare(connection, SCHEMA, migrations())
        assert connection.execute("SELECT * FROM activity").fetchall() == [
            ("day", 0, 2, 0, 1),
            ("day", 86_400_000, 0, 1, 0),
            ("minute", 60_000, 2, 0, 0),
            ("minute", 120_000, 0, 0, 1),
            ("minute", 86_400_000, 0, 1, 0),
        ]


def test_failed_migration_leaves_the_ledger_unchanged() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        prepare(connection, SCHEMA, ())
        with pytest.raises(sqlite3.OperationalError):
            prepare(connection, SCHEMA, ("ALTER TABLE jobs ADD COLUMN colour TEXT; SELECT nothing FROM nowhere",))
        connection.rollback()
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert "colour" not in {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}


async def test_operators_views_show_jobs_without_keys(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        job = await ledger.signups.accept(signup("seen-1"), from_address("192.0.2.1"))
        assert raw(tmp_path, "SELECT id, name, attempts FROM queue") == [(job.id, "seen-1", 0)]
        with closing(sqlite3.connect(tmp_path / "faucet.db")) as connection:
            cursor = connection.execute("SELECT * FROM job_report")
            (row,) = cursor.fetchall()
        assert not [value for value in row if value in KEYS.values()]
        assert row[-1] == "2023-11-14 22:13:20"
        raw(tmp_path, "SELECT * FROM today")


def of_an_earlier_version(folder: Path, address: str) -> Path:
    """A ledger of this version's tables, in which `address` was erased and left standing."""
    path = folder / "faucet.db"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(SCHEMA)
        rows = [(f"{address}-{number}", number, 0) for number in range(1000)]
        old.execute("PRAGMA secure_delete = OFF")
        old.executemany("INSERT INTO quotas VALUES (?, ?, ?)", rows)
        old.commit()
        old.execute("DELETE FROM quotas")
        old.commit()
    assert address.encode() in path.read_bytes()
    return path


async def test_addresses_that_earlier_versions_erased_are_overwritten_once(tmp_path: Path) -> None:
    path = of_an_earlier_version(tmp_path, "198.51.100.77")
    (tmp_path / "config.yaml").write_text("")
    assert (await command("init", "--config", str(tmp_path / "config.yaml")))[0] == 0
    assert not any(b"198.51.100.77" in file.read_bytes() for file in tmp_path.iterdir())
    with closing(sqlite3.connect(path)) as other:
        other.execute("DELETE FROM facts")
        pages = other.execute("PRAGMA schema_version").fetchone()
    async with opened(tmp_path):
        assert raw(tmp_path, "PRAGMA schema_version") == [pages], "VACUUM raises it"


async def test_ledger_that_can_not_be_written_anew_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The next start does it."""
    monkeypatch.setattr(file, "OPEN_TIMEOUT", 0)
    path = of_an_earlier_version(tmp_path, "198.51.100.77")
    with closing(sqlite3.connect(path, isolation_level=None)) as shell:
        shell.execute("PRAGMA journal_mode = WAL")
        shell.execute("BEGIN IMMEDIATE")
        async with opened(tmp_path) as ledger:
            shell.execute("COMMIT")
            await ledger.check_writable()
    assert [record.message for record in caplog.records] == ["ledger not written anew"]
    async with opened(tmp_path) as ledger:
        assert ledger.misplaced() is None
    assert b"198.51.100.77" not in path.read_bytes()
