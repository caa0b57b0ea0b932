"""What a move needs of the ledger that it reads, and of the one that it makes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from jobs.ledger.move.tables import ADDED, FILLED, LEFT_OUT, REPLACED, Table
from jobs.ledger.processes import is_gone

Value = str | int | None  #: flags are 0 and 1
Values = tuple[Value, ...]

#: The row of the table `ledger`.
ROW = "SELECT epoch, owner, process, until, moved_to, moving_from FROM ledger"
#: Whether there is anything in a ledger but what a new one has, or one that `faucet.py init` has made.
IS_USED = " UNION ALL ".join(
    [f"SELECT 1 FROM {table}" for table in (*ADDED, *REPLACED, *LEFT_OUT) if table not in FILLED]
    + ["SELECT 1 FROM facts WHERE name <> 'checked_at' LIMIT 1"]
)

BATCH = 5000  #: rows of a transaction, and rows that are in memory at once


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The row of the table `ledger`."""

    epoch: int
    owner: str | None
    process: str | None
    until: int
    moved_to: str | None
    moving_from: str | None

    def is_owned(self, now: int) -> bool:
        """Whether a process that may run owns the chain at `now`, milliseconds."""
        return self.owner is not None and now < self.until and not is_gone(self.process or "")


class Side(Protocol):
    """A ledger that is locked: no other process writes to it. All methods raise LedgerError where it can't be used."""

    place: str  #: where it is, for people, without passwords
    row: LedgerRow  #: as it was when it was locked

    def count(self, table: Table) -> int:
        """How many rows the table has."""

    def rows(self, table: Table, *, after: Values | None = None, last: Values | None = None) -> Iterator[Values]:
        """The rows in the order of their keys, those `after` a key, up to the `last` one; few are in memory at once."""


class Source(Side, Protocol):
    """The ledger that is moved."""

    identity: str  #: of this ledger and no other one
    changed_texts: int  #: how many of the rows read so far had a character that PostgreSQL can't hold

    def mark_moved(self, place: str) -> None:
        """Let nobody use it from now on, since it is at `place`."""


class Target(Side, Protocol):
    """The ledger that is made."""

    def is_empty(self) -> bool:
        """Whether nothing is in it but what a new one has."""

    def begin(self, moving_from: str) -> None:
        """Let nobody use it until `finish`."""

    def clear(self) -> None:
        """Delete all that was copied."""

    def last_key(self, table: Table) -> Values | None:
        """The greatest key in the table; None if it has no rows."""

    def add(self, table: Table, rows: Iterable[Values]) -> None:
        """Add rows to the table, in one transaction."""

    def replace(self, table: Table, rows: Iterable[Values]) -> None:
        """Have just these rows in the table, in one transaction."""

    def settle(self) -> None:
        """Have everything ready for `finish`: on disk, and the next numbers after those of the rows."""

    def finish(self, epoch: int, until: int) -> None:
        """Let it be used, from this epoch on, by nobody yet since `until`."""


def select_rows(table: Table, byte_order: str, after: Values | None, last: Values | None) -> tuple[str, Sequence[Any]]:
    """The query for Side.rows, with its parameters. `byte_order` is what orders texts by their bytes."""
    keys = [f"{name} {byte_order}" if name in table.texts else name for name in table.key]
    places = ", ".join("?" * len(keys))
    bounds = [
        (f"({', '.join(keys)}) {comparison} ({places})", key)
        for comparison, key in ((">", after), ("<=", last))
        if key is not None
    ]
    where = f"WHERE {' AND '.join(sql for sql, _ in bounds)}" if bounds else ""
    sql = f"SELECT {', '.join(table.columns)} FROM {table.name} {where} ORDER BY {', '.join(keys)}"
    return sql, [value for _, key in bounds for value in key]


def select_last_key(table: Table, byte_order: str) -> str:
    """The query for Target.last_key."""
    keys = ", ".join(f"{name} {byte_order if name in table.texts else ''} DESC" for name in table.key)
    return f"SELECT {', '.join(table.key)} FROM {table.name} ORDER BY {keys} LIMIT 1"
