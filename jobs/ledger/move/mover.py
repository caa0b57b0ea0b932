"""Moving a ledger from SQLite to PostgreSQL, or back: whole, and so that never two of its copies are in use.

The source is locked from beginning to end, and changed only at the very end. Until then the target refuses to be used.
Whatever stops the move, it goes on when it is begun again: it compares what it has copied, and copies the rest.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec

from jobs.ledger.engines import Location
from jobs.ledger.errors import LedgerError
from jobs.ledger.move.places import open_source, open_target, place_of
from jobs.ledger.move.side import BATCH, Side, Source, Target, Values
from jobs.ledger.move.tables import ADDED, REPLACED, Table
from jobs.ledger.moved import identity_of, moving, why_unused
from jobs.ledger.sqlite.tables import declared

#: What is done, how many rows of it, of how many.
Report = Callable[[str, int, int], None]

NEEDS_BOTH = (
    "a ledger is moved from a file to PostgreSQL, or from there to a file; `faucet.py backup` copies a file to another"
)

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Moved:
    """What was moved."""

    rows: dict[str, int]  #: by table
    changed_texts: int  #: rows of whose texts PostgreSQL can't hold a character: U+FFFD stands for it


@dataclass(frozen=True, slots=True)
class _Content:
    """What a table holds, so that it can be compared."""

    rows: int
    checksum: bytes


def move(source: Location, target: Location, report: Report, *, batch: int = BATCH) -> Moved:
    """Move the ledger at `source` to `target`, or go on with that, `batch` rows in a transaction.

    Raises LedgerError: where the source is in use or was moved elsewhere, where anything else is at the target, where
    the copy turns out to be another.
    """
    if isinstance(source, Path) == isinstance(target, Path):
        raise LedgerError(NEEDS_BOTH)
    with contextlib.ExitStack() as opened:
        old = opened.enter_context(open_source(source))
        _check_source(old, place_of(target))
        new = opened.enter_context(open_target(target))
        return _Move(old, new, report, batch).run()


def _check_source(old: Source, to: str) -> None:
    """Raise LedgerError unless it may be moved `to` there, before anything is made there."""
    elsewhere = old.row.moved_to if old.row.moved_to != to else None
    if (refusal := why_unused(elsewhere, old.row.moving_from)) is not None:
        raise refusal


class _Move:
    def __init__(self, old: Source, new: Target, report: Report, batch: int) -> None:
        self._old, self._new = old, new
        self._report = report
        self._batch = batch
        self._added, self._replaced = declared(ADDED), declared(REPLACED)

    def run(self) -> Moved:
        counts = {table.name: self._old.count(table) for table in (*self._added, *self._replaced)}
        self._begin()
        self._copy(sum(counts.values()))
        changed = self._compare(sum(counts.values()))
        self._new.settle()
        # In this order: if it stops between the two, neither is used, and the next run opens the new one.
        self._old.mark_moved(self._new.place)
        self._new.finish(max(self._old.row.epoch, self._new.row.epoch) + 1, self._old.row.until)
        return Moved(counts, changed)

    def _begin(self) -> None:
        """Raise LedgerError unless the target is new, or what an earlier run has left of this move."""
        old, new = self._old, self._new
        if new.row.moved_to is None and identity_of(new.row.moving_from) == old.identity:
            self._check_copied()
        elif (refusal := why_unused(old.row.moved_to, None)) is not None:
            raise refusal
        elif new.row.moving_from is not None:
            raise LedgerError(f"another ledger is being moved to {new.place}: nothing was changed")
        elif not new.is_empty():
            raise LedgerError(f"there is a ledger at {new.place} already: nothing was changed")
        else:
            new.begin(moving(old.identity, old.place))

    def _check_copied(self) -> None:
        """Delete what was copied, unless the source still has it."""
        copied = [(table, last) for table in self._added if (last := self._new.last_key(table)) is not None]
        task = self._task("compared with what was copied before", sum(self._new.count(table) for table, _ in copied))
        # Where it was used meanwhile, the copy holds nothing that the source lacks, but for what was deleted there.
        if any(self._content(self._old, *rows) != self._content(self._new, *rows, task) for rows in copied):
            self._new.clear()

    def _copy(self, total: int) -> None:
        task = self._task("copied", total)
        for table in self._added:
            task.advance(self._new.count(table))
            for rows in _batches(self._old.rows(table, after=self._new.last_key(table)), self._batch):
                self._new.add(table, rows)
                task.advance(len(rows))
        for table in self._replaced:
            self._new.replace(table, task.counted(self._old.rows(table)))

    def _compare(self, total: int) -> int:
        """Raise LedgerError unless all is the same on both sides; how many rows are, but for a character."""
        task, changed_before = self._task("compared", total), self._old.changed_texts
        for table in (*self._added, *self._replaced):
            old, new = self._content(self._old, table), self._content(self._new, table, None, task)
            if old != new:
                raise LedgerError(
                    f"{table.name} has {old.rows} rows at {self._old.place}, and {new.rows} at {self._new.place}, or "
                    "others: neither ledger was switched over. Run it again, which copies what differs anew"
                )
        return self._old.changed_texts - changed_before

    def _content(self, side: Side, table: Table, last: Values | None = None, task: "_Task | None" = None) -> _Content:
        digest, count = hashlib.blake2b(), 0
        for row in side.rows(table, last=last) if task is None else task.counted(side.rows(table, last=last)):
            digest.update(_encode(row))
            count += 1
        return _Content(count, digest.digest())

    def _task(self, name: str, total: int) -> "_Task":
        return _Task(self._report, name, total, self._batch)


class _Task:
    """Reports how far something has come."""

    def __init__(self, report: Report, name: str, total: int, batch: int) -> None:
        self._report, self._name, self._total, self._batch = report, name, total, batch
        self._done = 0
        self.advance(0)

    def advance(self, rows: int) -> None:
        """Count rows that are done."""
        self._done += rows
        self._report(self._name, self._done, self._total)

    def counted(self, rows: Iterable[Values]) -> Iterator[Values]:
        """The rows, counted as they are taken."""
        for batch in _batches(rows, self._batch):
            yield from batch
            self.advance(len(batch))


def _batches(rows: Iterable[Values], size: int) -> Iterator[list[Values]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch
