"""The ledger in a SQLite file: one connection that writes, in a thread of its own, and one that reads."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from jobs.ledger.errors import ConstraintError, unavailable
from jobs.ledger.moved import MOVED, why_unused
from jobs.ledger.sql import Query
from jobs.ledger.sqlite.file import check_version, prepare_file
from jobs.ledger.sqlite.place import Place
from jobs.ledger.sqlite.rows import Connection, items_of, statement_of
from jobs.ledger.sqlite.wal import log_size
from jobs.ledger.store import Turn
from jobs.ledger.thread import ConnectionThread

LOCK_TIMEOUT = 5.0  #: seconds that a transaction waits for another process, or an operator's shell, to let go
LOCK_RETRY = 0.001  #: seconds between two attempts to begin one

# FULL: a commit has reached the disk when it returns, which is what a positive reply promises.
_PRAGMAS = ("PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON")
MAX_IDLE_LOG = 16 * 2**20  #: bytes that the write-ahead log keeps on disk once it was written into the ledger
# What is deleted, such as a client's address, is overwritten. What a statement that fails would need to be undone is
# kept in memory: a file for it cost each group of signups as much as its commit.
_WRITER_PRAGMAS = (
    "PRAGMA secure_delete = ON", f"PRAGMA journal_size_limit = {MAX_IDLE_LOG}", "PRAGMA temp_store = MEMORY",
)  # fmt: skip
TRUNCATE_ATTEMPTS = 10  #: each in the way of a reader, whose query takes about as long as LOCK_RETRY
_READ_ONLY = "PRAGMA query_only = 1"
_EPOCH = "SELECT epoch FROM ledger"

Item = TypeVar("Item")
Result = TypeVar("Result")


class SqliteEngine:
    """One transaction at a time.

    Coroutines that share a connection share its transaction, so a transaction is one call in the writer's thread. Each
    await within it would be two changes of threads besides, while the lock is held and a crowd waits for it.
    """

    def __init__(
        self, path: Path, writer: sqlite3.Connection, reader: aiosqlite.Connection, clock: Callable[[], float]
    ) -> None:
        self._path = path
        self._place = Place(path)
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._thread = ConnectionThread("ledger")
        self._closed = False

    @classmethod
    async def open(cls, path: Path, clock: Callable[[], float]) -> "SqliteEngine":
        """The ledger at `path`, made or migrated as needed. Raises LedgerError."""
        await asyncio.to_thread(prepare_file, path)
        return cls(path, await asyncio.to_thread(_writer, path, *_WRITER_PRAGMAS), await _reader(path), clock)

    @classmethod
    async def open_to_read(cls, path: Path, clock: Callable[[], float]) -> "SqliteEngine":
        """The ledger at `path` as it is: neither made nor migrated, and nothing can be written. Raises LedgerError.

        An older one raises OldLedgerError.
        """
        await asyncio.to_thread(check_version, path)
        # Not SQLite's read-only mode: its last connection would leave files behind, of whoever looks.
        return cls(path, await asyncio.to_thread(_writer, path, _READ_ONLY), await _reader(path), clock)

    def now(self) -> int:
        """Milliseconds since 1970, UTC."""
        return int(self._clock() * 1000)

    async def run(self, step: Callable[[Connection, Turn], Result]) -> Result:
        """What `step` returns, run as one transaction: on disk when this returns, undone when it raises.

        A caller that is cancelled does not undo it. Raises FaucetError `ledger_unavailable` where SQLite can't read,
        write or get the lock, ConstraintError, and what `step` raises.
        """
        with _translated():
            return await self._thread.run(partial(self._transact, step))

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query, as they are after the last commit. Raises FaucetError `ledger_unavailable`."""
        with _translated():
            return list(await self._reader.execute_fetchall(sql, parameters))

    async def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns, as it is after the last commit. Raises FaucetError `ledger_unavailable`."""
        return items_of(query, await self.read(statement_of(query), parameters))

    async def version(self) -> int:
        """A number that changes with every commit, of whatever process."""
        return self._place.version()

    async def unfit(self) -> str | None:
        """None: what is committed is on disk."""

    def misplaced(self) -> str | None:
        """The sentence if the ledger's files are no longer where they were opened; nothing is committed then."""
        return self._place.problem()

    def log_size(self) -> int:
        """Bytes of the write-ahead log."""
        return log_size(self._path)

    async def truncate_log(self) -> bool:
        """Write the log into the ledger and empty it: what was deleted is in neither then. Whether no reader held it.

        Raises FaucetError `ledger_unavailable`.
        """
        with _translated():
            return await self._thread.run(self._truncate_log)

    async def rescue(self) -> None:
        """Write the log into the file that was opened, or keep it apart from one that was overwritten.

        Raises FaucetError `ledger_unavailable`.
        """
        with _translated():
            await self._thread.run(lambda: self._place.keep_log_out() or _truncate_log(self._writer))

    async def close(self) -> None:
        """Finish the transaction in hand, then close. A second call does nothing."""
        if not self._closed:
            self._closed = True
            await self._thread.run(self._close_writer)
            self._thread.end()
            await self._reader.close()
            self._place.close()

    def _close_writer(self) -> None:
        self._place.keep_log_out()  # the last connection that is closed would write it into the ledger
        self._writer.close()

    def _truncate_log(self) -> bool:
        self._place.check()
        if self.log_size():
            # An older copy of the file is told by its counter. SQLite counts on from the page as it was last read.
            self._writer.execute("PRAGMA shrink_memory")
            self._transact(_rewrite_header)
        return _truncate_log(self._writer)

    def _transact(self, step: Callable[[Connection, Turn], Result]) -> Result:
        try:
            return self._try_to_transact(step)
        except sqlite3.DatabaseError:
            self._place.check()  # which knows the reason, where SQLite fails in consequence
            raise

    def _try_to_transact(self, step: Callable[[Connection, Turn], Result]) -> Result:
        _begin(self._writer)
        try:
            result = step(Connection(self._writer), self._turn())
            self._place.check()
            self._writer.commit()
        except BaseException:
            self._writer.rollback()
            raise
        return result

    def _turn(self) -> Turn:
        row = self._writer.execute(_EPOCH).fetchone()
        if row is None:  # the file was overwritten
            raise sqlite3.DatabaseError("the table ledger is empty")
        return Turn(self.now(), row[0])


def _begin(connection: sqlite3.Connection) -> None:
    """Begin a transaction once no other process is in one. Raises sqlite3.OperationalError after LOCK_TIMEOUT."""
    # SQLite's busy handler polls with growing delays, so one of two processes can starve under load.
    end = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(LOCK_RETRY)
        else:
            return


def _rewrite_header(connection: Connection, _turn: Turn) -> None:
    version = connection.execute("PRAGMA user_version")[0][0]
    connection.execute(f"PRAGMA user_version = {version}")


def _truncate_log(connection: sqlite3.Connection) -> bool:
    for _ in range(TRUNCATE_ATTEMPTS):
        if connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0:
            return True
        time.sleep(LOCK_RETRY)
    return False


def _writer(path: Path, *pragmas: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    # From here on _begin waits.
    for pragma in (*_PRAGMAS, *pragmas, "PRAGMA busy_timeout = 0"):
        connection.execute(pragma)
    # From here on its log and shared memory are there, too.
    if (refusal := why_unused(*connection.execute(MOVED).fetchone())) is not None:
        connection.close()
        raise refusal
    return connection


async def _reader(path: Path) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, timeout=LOCK_TIMEOUT, isolation_level=None)
    connection.row_factory = sqlite3.Row
    for pragma in (*_PRAGMAS, _READ_ONLY):
        await connection.execute(pragma)
    return connection


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise ConstraintError(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise unavailable() from error
