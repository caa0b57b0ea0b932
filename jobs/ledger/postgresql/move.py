"""A ledger in PostgreSQL as one side of a move: nobody else writes to it meanwhile."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from psycopg.adapt import Loader
from psycopg.rows import tuple_row
from psycopg.types.string import StrDumper

from jobs.ledger.errors import LedgerError
from jobs.ledger.move.side import BATCH, IS_USED, ROW, LedgerRow, Values, select_last_key, select_rows
from jobs.ledger.move.tables import ADDED, REPLACED, Table
from jobs.ledger.postgresql.database import check_fit, check_version_in, is_made, linked, prepare_tables
from jobs.ledger.postgresql.link import MOVER, DatabaseLink
from jobs.ledger.postgresql.rows import placed

_NOW = "SELECT CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT) AS now"
#: A move gives up where others have the ledger, and stands still itself as long as it needs.
_LIMITS = (
    "SET LOCAL lock_timeout = '5s'; SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0"
)
_BEGIN = f"BEGIN; {_LIMITS}"
#: The snapshot is taken once nobody is amid a transaction, each of which has locked a row of that table.
_BEGIN_SNAPSHOT = f"BEGIN ISOLATION LEVEL REPEATABLE READ; {_LIMITS}; LOCK TABLE ledger IN EXCLUSIVE MODE"
_OTHERS = """
    SELECT count(*) AS others FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'faucet%' AND pid <> pg_backend_pid()
"""
_IDENTITY = "SELECT system_identifier AS cluster, CAST('ledger'::regclass AS OID) AS ledger FROM pg_control_system()"
_NUMBERED = """
    SELECT table_name AS name FROM information_schema.columns
    WHERE table_schema = current_schema() AND is_identity = 'YES' AND column_name = 'number'
"""
_BYTE_ORDER = 'COLLATE "C"'


class _FlagLoader(Loader):
    """Flags as 0 and 1."""

    def load(self, data: Any) -> int:
        return int(bytes(data) == b"t")


class PostgresqlSide:
    """The ledger in a database, in a `session` of its own."""

    def __init__(self, place: str, link: DatabaseLink) -> None:
        self.place = place
        self._link = link
        self._session = link.use(lambda session: session)
        # Texts as they are: those that hold a NUL never come here.
        self._session.adapters.register_dumper(str, StrDumper)
        self._session.adapters.register_loader("bool", _FlagLoader)

    def count(self, table: Table) -> int:
        """How many rows the table has."""
        return int(self._one(f"SELECT count(*) AS rows FROM {table.name}")["rows"])

    def _one(self, sql: str) -> dict[str, Any]:
        (row,) = self._session.execute(sql).fetchall()
        return row

    def _stream(self, table: Table, after: Values | None, last: Values | None) -> Iterator[Values]:
        """The rows, through a cursor of the server's: within a transaction."""
        sql, parameters = select_rows(table, _BYTE_ORDER, after, last)
        with self._session.cursor("move", row_factory=tuple_row) as cursor:
            cursor.itersize = BATCH
            cursor.execute(placed(sql), parameters)
            yield from cursor


class PostgresqlSource(PostgresqlSide):
    """The ledger that is moved, in one transaction from beginning to end."""

    def __init__(self, place: str, link: DatabaseLink) -> None:
        super().__init__(place, link)
        link.use(check_version_in)
        found = self._one(_IDENTITY)
        self.identity = f"postgresql:{found['cluster']}:{found['ledger']}"
        self.changed_texts = 0
        self._session.execute(_BEGIN_SNAPSHOT)
        self.row = LedgerRow(**self._one(ROW))
        self._check_unused()

    def rows(self, table: Table, *, after: Values | None = None, last: Values | None = None) -> Iterator[Values]:
        """The rows in the order of their keys, those `after` a key, up to the `last` one."""
        return self._stream(table, after, last)

    def mark_moved(self, place: str) -> None:
        """Let nobody use it from now on, since it is at `place`."""
        self._session.execute("UPDATE ledger SET moved_to = %s, epoch = epoch + 1", (place,))
        self._link.commit(self._session)

    def _check_unused(self) -> None:
        if self.row.is_owned(self._one(_NOW)["now"]):
            raise LedgerError(f"{self.row.owner} owns the chain with this ledger: stop the faucets on it first")
        if (others := self._one(_OTHERS)["others"]) > 0:
            raise LedgerError(f"{others} connections of faucets to this database are open: stop these faucets first")


class PostgresqlTarget(PostgresqlSide):
    """The ledger that is made."""

    def __init__(self, place: str, link: DatabaseLink) -> None:
        super().__init__(place, link)
        self.row = self._write(lambda _row: None)

    def rows(self, table: Table, *, after: Values | None = None, last: Values | None = None) -> Iterator[Values]:
        """The rows in the order of their keys, those `after` a key, up to the `last` one."""
        self._session.execute(_BEGIN)
        try:
            yield from self._stream(table, after, last)
        finally:
            self._session.execute("ROLLBACK")

    def is_empty(self) -> bool:
        """Whether nothing is in it but what a new one has."""
        return not self._session.execute(IS_USED).fetchall()

    def begin(self, moving_from: str) -> None:
        """Let nobody use it until `finish`. Raises LedgerError where it is used already."""

        def begin(row: LedgerRow) -> None:
            if row != self.row or not self.is_empty():
                raise LedgerError(f"{self.place} is used by another process: nothing was changed")
            self._session.execute("UPDATE ledger SET moving_from = %s", (moving_from,))

        self._write(begin)
        self.row = self._write(lambda _row: None)

    def clear(self) -> None:
        """Delete all that was copied, and what triggers counted of it."""
        self._write_ours(lambda: self._session.execute(f"TRUNCATE {', '.join((*ADDED, *REPLACED))}"))

    def last_key(self, table: Table) -> Values | None:
        """The greatest key in the table; None if it has no rows."""
        rows = self._session.execute(select_last_key(table, _BYTE_ORDER)).fetchall()
        return tuple(rows[0].values()) if rows else None

    def add(self, table: Table, rows: Iterable[Values]) -> None:
        """Add rows to the table, in one transaction."""
        self._write_ours(lambda: self._insert(table, rows))

    def replace(self, table: Table, rows: Iterable[Values]) -> None:
        """Have just these rows in the table, in one transaction."""

        def replace() -> None:
            self._session.execute(f"DELETE FROM {table.name}")
            self._insert(table, rows)

        self._write_ours(replace)

    def settle(self) -> None:
        """Give the next numbers after those of the rows; and let the server know how many rows there are."""
        for found in self._session.execute(_NUMBERED).fetchall():
            # Of an empty table the first number is the next one.
            sql = "SELECT setval(pg_get_serial_sequence(%s, 'number'), max(number)) FROM {name} HAVING max(number) > 0"
            self._session.execute(sql.format(name=found["name"]), (found["name"],))
        self._session.execute(f"ANALYZE {', '.join((*ADDED, *REPLACED))}")

    def finish(self, epoch: int, until: int) -> None:
        """Let it be used, from this epoch on, by nobody yet since `until`."""
        finish = "UPDATE ledger SET moving_from = NULL, epoch = %s, owner = NULL, process = NULL, until = %s"
        self._write_ours(lambda: self._session.execute(finish, (epoch, until)))

    def _insert(self, table: Table, rows: Iterable[Values]) -> None:
        copied = f"COPY {table.name} ({', '.join(table.columns)}) FROM STDIN"
        with self._session.cursor() as cursor, cursor.copy(copied) as copy:
            for row in rows:
                copy.write_row(row)

    def _write_ours(self, change: Callable[[], object]) -> None:
        """Make a change, unless the ledger was taken over by another process."""

        def checked(row: LedgerRow) -> None:
            if row.moving_from != self.row.moving_from or row.moved_to is not None:
                raise LedgerError(f"{self.place} is used by another process")
            change()

        self._write(checked)

    def _write(self, change: Callable[[LedgerRow], object]) -> LedgerRow:
        """Make a change in a transaction; the ledger's row as it was before."""
        self._session.execute(_BEGIN)
        try:
            # Each transaction that writes locks it first: whoever has it is alone.
            row = LedgerRow(**self._one(f"{ROW} FOR UPDATE"))
            change(row)
        except BaseException as error:
            self._link.undo(error)
            raise
        self._link.commit(self._session)
        return row


@contextlib.contextmanager
def open_source(url: str, place: str) -> Iterator[PostgresqlSource]:
    """The ledger in the database at `url`, to be moved. Raises LedgerError."""
    with linked(url, application_name=MOVER) as link:
        yield PostgresqlSource(place, link)


@contextlib.contextmanager
def open_target(url: str, place: str) -> Iterator[PostgresqlTarget]:
    """The ledger in the database at `url`, made if there is none.

    Raises LedgerError, also where the server isn't fit.
    """
    with linked(url, application_name=MOVER) as link:
        check_fit(link)
        if link.use(is_made):
            link.use(check_version_in)  # what is there is left as it is
        else:
            prepare_tables(link)
        yield PostgresqlTarget(place, link)
