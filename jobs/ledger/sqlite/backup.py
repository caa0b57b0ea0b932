"""A copy of the ledger that is whole, made while it is written."""

import contextlib
import sqlite3
from pathlib import Path

from jobs.ledger.errors import LedgerError
from jobs.ledger.sqlite.file import OPEN_TIMEOUT


def back_up(ledger: Path, to: Path) -> None:
    """Copy `ledger` to the file `to`, which is there only once the copy is whole and checked. Raises LedgerError."""
    if not ledger.exists():
        raise LedgerError(f"{ledger.name}: there is no ledger")
    partial = to.with_name(f"{to.name}.part")
    try:
        partial.unlink(missing_ok=True)
        with (
            contextlib.closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=OPEN_TIMEOUT)) as source,
            contextlib.closing(sqlite3.connect(partial)) as copy,
        ):
            source.backup(copy)
            # A copy is one file: whoever restores it needs no other.
            copy.execute("PRAGMA journal_mode = DELETE")
            problem = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if problem != "ok":
            raise LedgerError(f"{ledger.name} is damaged ({problem}); the copy was left as {partial.name}")
        partial.replace(to)
    except (sqlite3.Error, OSError) as error:
        raise LedgerError(f"{to.name}: {error}") from error
