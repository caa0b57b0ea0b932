"""The SQLite file: opening, migrating, and one transaction at a time."""

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from jobs.errors import Code, FaucetError
from jobs.ledger.turn import Turn

SCHEMA = Path(__file__).parents[2] / "faucet.db.sql"
#: The script N.sql takes a ledger from version N - 1 to N.
MIGRATIONS_FOLDER = Path(__file__).with_name("migrations")

BUSY_TIMEOUT = 5.0  #: seconds that a transaction waits for an operator's shell to let go
#: Seconds that the file is looked at before it is used: a million jobs take longer, and must not hold up a start. A
#: backup checks all of it.
CHECK_TIMEOUT = 2.0
CHECK_STEPS = 10_000  #: of SQLite's machine between two looks at the time

Connection = sqlite3.Connection
Row = sqlite3.Row
Result = TypeVar("Result")


class LedgerError(Exception):
    """The file can't serve as the ledger; the sentence says why."""


class OldLedgerError(LedgerError):
    """The ledger is of an earlier version: it is migrated when the faucet starts."""


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


def _prepare_file(path: Path) -> None:
    _check_access(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)) as connection:
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


def _check_version(path: Path) -> None:
    """Raise LedgerError unless the file is a ledger of the current version."""
    current = len(migrations()) + 1
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT)) as connection:
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
    connection.set_progress_handler(lambda: time.monotonic() > end, CHECK_STEPS)
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


class Database:
    """One connection that writes, one transaction at a time, and one that reads.

    Coroutines that share a connection share its transaction, so a transaction is one call in the writer's thread.
    """

    def __init__(self, turn: Turn, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self._turn = turn
        self._writer = writer
        self._reader = reader

    @classmethod
    async def open(cls, path: Path) -> "Database":
        """The ledger at `path`, made or migrated as needed. Raises LedgerError."""
        await asyncio.to_thread(_prepare_file, path)
        return cls(Turn(path.parent), await _connect(path), await _connect(path, "PRAGMA query_only = 1"))

    @classmethod
    async def open_to_read(cls, path: Path) -> "Database":
        """The ledger at `path` as it is: neither made nor migrated, and nothing can be written. Raises LedgerError.

        An older one raises OldLedgerError.
        """
        await asyncio.to_thread(_check_version, path)
        # Not SQLite's read-only mode: its last connection would leave files behind, of whoever looks.
        connection = await _connect(path, "PRAGMA query_only = 1")
        return cls(Turn(path.parent), connection, connection)

    async def close(self) -> None:
        """Finish the transaction in hand, then close. A second call does nothing."""
        await self._writer.close()
        await self._reader.close()
        self._turn.close()

    async def run(self, step: Callable[[Connection], Result]) -> Result:
        """What `step` returns, run as one transaction: on disk when this returns, undone when it raises.

        All of it is one call in the writer's thread: each await would be two changes of threads, while the writer is
        held and a crowd waits for it. Raises FaucetError `ledger_unavailable` where SQLite can't read, write or get
        the lock.
        """
        with _unavailable():
            # aiosqlite has no public way to run several statements at once in its thread.
            return await self._writer._execute(_run, self._writer._conn, self._turn, step)  # type: ignore[no-any-return, no-untyped-call]  # noqa: SLF001  # see above

    async def write(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The rows that a statement returns, a transaction of its own. Raises the same."""
        return await self.run(lambda connection: connection.execute(sql, parameters).fetchall())

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query, as they are after the last commit. Raises FaucetError `ledger_unavailable`."""
        with _unavailable():
            return list(await self._reader.execute_fetchall(sql, parameters))


def _run(connection: Connection, turn: Turn, step: Callable[[Connection], Result]) -> Result:
    with turn():
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = step(connection)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    return result


async def _connect(path: Path, *pragmas: str) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
    connection.row_factory = sqlite3.Row
    # FULL: a commit has reached the disk when it returns, which is what a positive reply promises.
    for pragma in ("PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON", *pragmas):
        await connection.execute(pragma)
    return connection


@contextlib.contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise FaucetError(
            Code.LEDGER_UNAVAILABLE, "The ledger can't be written now, please try again.", retry_after=5
        ) from error
