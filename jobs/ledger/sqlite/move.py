"""A ledger in a SQLite file as one side of a move: locked, so that no other process has it open."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from jobs.ledger.errors import LedgerError
from jobs.ledger.move.side import BATCH, IS_USED, ROW, LedgerRow, Values, select_last_key, select_rows
from jobs.ledger.move.tables import ADDED, REPLACED, Table
from jobs.ledger.sqlite.file import APPLICATION_ID, check_access, check_version, prepare_file, translated

#: With the first of them, SQLite's locks are for this connection alone: the file can't even be read elsewhere.
_PRAGMAS = ("locking_mode = EXCLUSIVE", "synchronous = FULL", "foreign_keys = ON", "secure_delete = ON")
_BYTE_ORDER = ""  # SQLite's own

REPLACEMENT = "\ufffd"


class SqliteSide:
    """The file at `path`, as `connection` has locked it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.place = str(path.absolute())
        self._connection = connection
        self.row = LedgerRow(*connection.execute(ROW).fetchone())

    def count(self, table: Table) -> int:
        """How many rows the table has."""
        return int(self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()[0])

    def rows(self, table: Table, *, after: Values | None = None, last: Values | None = None) -> Iterator[Values]:
        """The rows in the order of their keys, those `after` a key, up to the `last` one."""
        sql, parameters = select_rows(table, _BYTE_ORDER, after, last)
        cursor = self._connection.execute(sql, parameters)
        while batch := cursor.fetchmany(BATCH):
            yield from batch


class SqliteSource(SqliteSide):
    """The ledger that is moved, in one transaction from beginning to end."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        super().__init__(path, connection)
        self.identity = f"sqlite:{connection.execute(APPLICATION_ID).fetchone()[0]}"
        self.changed_texts = 0

    def rows(self, table: Table, *, after: Values | None = None, last: Values | None = None) -> Iterator[Values]:
        """The rows as PostgreSQL takes them. Raises LedgerError for a value that is none of its column's type."""
        key_of = _picker(table, table.key)
        texts = [name in table.texts for name in table.columns]
        for row in super().rows(table, after=after, last=last):
            try:
                taken = tuple(map(_taken, row, texts))
            except TypeError as error:
                raise LedgerError(f"{table.name}, {' '.join(map(str, key_of(row)))}: {error}") from None
            self.changed_texts += taken != row
            yield taken

    def mark_moved(self, place: str) -> None:
        """Let nobody use it from now on, since it is at `place`."""
        self._connection.execute("UPDATE ledger SET moved_to = ?, epoch = epoch + 1", (place,))
        self._connection.commit()


class SqliteTarget(SqliteSide):
    """The ledger that is made."""

    def is_empty(self) -> bool:
        """Whether nothing is in it but what a new one has."""
        found = self._connection.execute(IS_USED).fetchone()
        return found is None

    def begin(self, moving_from: str) -> None:
        """Let nobody use it until `finish`."""
        self._write(lambda: self._connection.execute("UPDATE ledger SET moving_from = ?", (moving_from,)))

    def clear(self) -> None:
        """Delete all that was copied, and what triggers counted of it."""

        def delete() -> None:
            for table in (*REPLACED, *reversed(ADDED)):
                self._connection.execute(f"DELETE FROM {table}")

        self._write(delete)

    def last_key(self, table: Table) -> Values | None:
        """The greatest key in the table; None if it has no rows."""
        found: Values | None = self._connection.execute(select_last_key(table, _BYTE_ORDER)).fetchone()
        return found

    def add(self, table: Table, rows: Iterable[Values]) -> None:
        """Add rows to the table, in one transaction."""
        self._write(lambda: self._insert(table, rows))

    def replace(self, table: Table, rows: Iterable[Values]) -> None:
        """Have just these rows in the table, in one transaction."""

        def replace() -> None:
            self._connection.execute(f"DELETE FROM {table.name}")
            self._insert(table, rows)

        self._write(replace)

    def settle(self) -> None:
        """Have all of it in the file, on disk; SQLite gives numbers after the greatest by itself."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def finish(self, epoch: int, until: int) -> None:
        """Let it be used, from this epoch on, by nobody yet since `until`."""
        finish = "UPDATE ledger SET moving_from = NULL, epoch = ?, owner = NULL, process = NULL, until = ?"
        self._write(lambda: self._connection.execute(finish, (epoch, until)))

    def _insert(self, table: Table, rows: Iterable[Values]) -> None:
        places = ", ".join("?" * len(table.columns))
        insert = f"INSERT INTO {table.name} ({', '.join(table.columns)}) VALUES ({places})"
        self._connection.executemany(insert, rows)

    def _write(self, change: Callable[[], object]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            change()
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise


@contextlib.contextmanager
def open_source(path: Path) -> Iterator[SqliteSource]:
    """The ledger in the file `path`, to be moved. Raises LedgerError."""
    if not path.exists():
        raise LedgerError(f"{path}: there is no ledger")
    check_access(path)
    check_version(path)
    with _locked(path) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        source = SqliteSource(path, connection)
        if source.row.is_owned(int(time.time() * 1000)):
            raise LedgerError(f"{source.row.owner} owns the chain with {path.name}: stop the faucet there first")
        yield source


@contextlib.contextmanager
def open_target(path: Path) -> Iterator[SqliteTarget]:
    """The ledger in the file `path`, made if there is none. Raises LedgerError."""
    if path.exists() and path.stat().st_size:
        check_version(path)  # what is there is left as it is
    else:
        prepare_file(path)
    with _locked(path) as connection:
        yield SqliteTarget(path, connection)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[sqlite3.Connection]:
    with translated(path), contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as connection:
        # What is no text in UTF-8 is kept apart for _taken.
        connection.text_factory = lambda text: str(text, "utf-8", "surrogateescape")
        try:
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            raise LedgerError(f"{path.name} is open in another process: stop the faucet, and close any shell") from None
        yield connection


def _picker(table: Table, columns: Iterable[str]) -> Callable[[Values], Values]:
    places = [table.columns.index(column) for column in columns]
    return lambda row: tuple(row[place] for place in places)


def _taken(value: Any, is_text: bool) -> str | int | None:
    """The value as PostgreSQL takes it. Raises TypeError for one that is none of its column's type."""
    if value is None or (value.__class__ is int and not is_text):
        return value
    if value.__class__ is not str or not is_text:
        raise TypeError(f"{'no text' if is_text else 'no whole number'} is where one must be")
    if value.isascii() and "\0" not in value:
        return str(value)
    return str(value.encode("utf-8", "surrogateescape").decode("utf-8", "replace").replace("\0", REPLACEMENT))
