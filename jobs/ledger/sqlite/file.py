"""The SQLite file: made, migrated and checked before it is used."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from jobs.ledger.errors import LedgerError, OldLedgerError

SCHEMA = Path(__file__).parents[3] / "faucet.db.sql"
#: The script N.sql takes a ledger from version N - 1 to N.
MIGRATIONS_FOLDER = Path(__file__).with_name("migrations")

OPEN_TIMEOUT = 5.0  #: seconds to wait for an operator's shell that has the file locked
#: Seconds that the file is checked before it is used: a million jobs take longer, and must not hold up a start. A
#: backup checks all of it.
CHECK_TIMEOUT = 2.0
CHECK_INTERVAL = 10_000  #: instructions of SQLite's machine between two looks at the time


def prepare(connection: sqlite3.Connection, schema: str, migrations: Sequence[str]) -> None:
    """Make an empty file a ledger, or bring an older ledger to the current version.

    Raises LedgerError for a newer ledger, a damaged one, or a file that is no ledger.
    """
    current = len(migrations) + 1
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    tables: int = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    if version > current:
        raise LedgerError(f"the ledger has version {version}, this program knows up to {current}: upgrade it")
    if version == 0 and tables:
        raise LedgerError("the file is a database, but not a ledger")
    scripts = migrations[version - 1 :] if version else [schema]
    for number, script in enumerate(scripts, start=version + 1 if version else current):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")


def migrations() -> list[str]:
    """The scripts that bring a ledger of version 1 to the current one, in order."""
    files = sorted(MIGRATIONS_FOLDER.glob("*.sql"), key=lambda file: int(file.stem))
    return [file.read_text() for file in files]


def prepare_file(path: Path) -> None:
    """Make or migrate the ledger at `path`. Raises LedgerError."""
    _check_access(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path, timeout=OPEN_TIMEOUT, isolation_level=None)) as connection:
            # A write-ahead log lets readers go on while the one writer commits.
            connection.execute("PRAGMA journal_mode = WAL")
            prepare(connection, SCHEMA.read_text(), migrations())
            problem = _problem(connection)
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT:
            raise _damaged(path, error) from error
        raise LedgerError(f"{path.name}: {error}") from error
    if problem is not None:
        raise _damaged(path, problem)


def check_version(path: Path) -> None:
    """Raise LedgerError unless the file is a ledger of the current version."""
    current = len(migrations()) + 1
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=OPEN_TIMEOUT)) as connection:
            version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    except sqlite3.Error as error:
        raise LedgerError(f"{path.name}: {error}") from error
    if version > current or version == 0:
        raise LedgerError(f"{path.name} is no ledger of version {current} or earlier")
    if version < current:
        raise OldLedgerError(f"the ledger has version {version}, and is migrated when the faucet starts")


def _problem(connection: sqlite3.Connection) -> str | None:
    """What is wrong with the file, as far as CHECK_TIMEOUT shows it."""
    end = time.monotonic() + CHECK_TIMEOUT
    connection.set_progress_handler(lambda: time.monotonic() > end, CHECK_INTERVAL)
    try:
        found: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    return None if found == "ok" else found


def _check_access(path: Path) -> None:
    """SQLite would read what it may not write, refuse every signup, and not notice when that is mended."""
    for file in (path, path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")):
        if file.exists() and not os.access(file, os.W_OK):
            raise LedgerError(f"{file.name} can't be written by this user")


def _damaged(path: Path, problem: object) -> LedgerError:
    found = " ".join(str(problem).split())
    return LedgerError(f"{path.name} is damaged ({found}): restore a backup; it was left as it is")
