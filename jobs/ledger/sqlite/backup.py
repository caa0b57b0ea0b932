"""A copy of the ledger that is whole, made while it is written."""

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jobs.ledger.errors import LedgerError
from jobs.ledger.sqlite.file import APPLICATION_ID, OPEN_TIMEOUT, random_id
from jobs.ledger.sqlite.journal import check_journal
from jobs.ledger.sqlite.wal import LOG_MODE, MAGIC, check_log, check_regular, header_of, with_sidecars

#: Tables with client addresses, or of who is logged in: nobody who gets a copy needs them. An older ledger lacks some.
LEFT_OUT = ("addresses", "quota_keys", "quota_uses", "quotas", "login_failures", "sessions")
WITHOUT_OWNER = "UPDATE ledger SET owner = NULL, process = NULL, until = 0"
HAS_TABLE = "SELECT 1 FROM sqlite_schema WHERE name = ?"
#: Whoever serves from the copy lacks what came after these blocks. See jobs.ledger.reconciliation.
MARK_AS_COPY = """
    DELETE FROM facts WHERE name IN ('restored_from', 'restored_at');
    INSERT INTO facts (name, value)
    SELECT 'restored_from', CAST(number AS TEXT) FROM blocks ORDER BY number DESC LIMIT 1;
"""
WITHOUT_PERSONAL_DATA = "UPDATE jobs SET email = NULL, real_name = NULL, refcode = NULL"
FIRST_JOB = "SELECT id FROM jobs ORDER BY number LIMIT 1"


def back_up(ledger: Path, to: Path, *, personal: bool = False) -> None:
    """Copy `ledger` to the file `to`, which is replaced only by a whole, checked copy.

    Client addresses are left out, and so are personal data of signups unless `personal`.
    Raises LedgerError, also where `to` is the ledger itself or anything else that is no backup.
    """
    if not ledger.exists():
        raise LedgerError(f"{ledger.name}: there is no ledger")
    check_regular(ledger)
    check_log(ledger)
    check_journal(ledger)
    try:
        to = to.resolve()
    except RuntimeError:
        raise LedgerError(f"{to}: its links lead in a circle") from None
    _check_target(ledger, to)
    try:
        # A folder: nobody can read what is in it, and it is gone whatever happens.
        with tempfile.TemporaryDirectory(dir=to.parent, prefix=f".{to.name}-") as folder:
            copy = Path(folder) / "copy.db"
            _copy(ledger, copy, personal=personal)
            copy.replace(to)
        _sync(to.parent)
    except (sqlite3.Error, OSError, UnicodeError) as error:  # SQLite takes no name that is not UTF-8
        raise LedgerError(f"{to.name}: {error}") from error


def is_backup_of(ledger: Path, file: Path) -> bool:
    """Whether `file`, which is named as a copy of `ledger`, may be one: not in use itself, nor another ledger's."""
    if file.is_symlink() or not file.is_file() or _is_in_use(file):
        return False
    first, copied = _first_job(ledger), _first_job(file)
    return first is None or copied is None or first == copied


def _check_target(ledger: Path, to: Path) -> None:
    """Raise LedgerError where a copy at `to` would destroy something."""
    if not to.parent.is_dir():
        raise LedgerError(f"{to}: there is no folder {to.parent}")
    for own in with_sidecars(ledger):
        if to == own or (to.exists() and own.exists() and to.samefile(own)):
            raise LedgerError(f"{to} is the ledger itself, or a file of it: back it up to another file")
    if any(file.exists() for file in with_sidecars(to)[1:]):
        raise LedgerError(f"{to} has a file of SQLite beside it, so it is in use: back up to another file")
    if to.exists() and not _is_replaceable(to):
        raise LedgerError(f"{to} is there, and is no backup: back up to another file")


def _is_replaceable(file: Path) -> bool:
    """Whether it is a copy: a database that was never served from."""
    return file.is_file() and (header := header_of(file)).startswith(MAGIC) and header[18:20] != LOG_MODE


def _is_in_use(file: Path) -> bool:
    """Whether a faucet was ever started on it, as on a copy that was restored where it lay."""
    return header_of(file)[18:20] == LOG_MODE or any(other.exists() for other in with_sidecars(file)[1:])


def _first_job(file: Path) -> str | None:
    """The id of its first job, by which ledgers are told apart; None if there is none, or it can't be read."""
    with contextlib.suppress(sqlite3.Error), _reading(file) as connection:
        row = connection.execute(FIRST_JOB).fetchone()
        return None if row is None else str(row[0])
    return None


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    uri = f"{file.absolute().as_uri()}?mode=ro"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=OPEN_TIMEOUT)) as connection:
        yield connection


def _copy(ledger: Path, to: Path, *, personal: bool) -> None:
    """Write a whole copy of `ledger` to the new file `to`, on disk when this returns. Raises LedgerError."""
    with (
        _reading(ledger) as source,
        contextlib.closing(sqlite3.connect(to.with_name("pages.db"), isolation_level=None)) as pages,
    ):
        source.backup(pages)
        problem = pages.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if problem != "ok":
            raise LedgerError(f"{ledger.name} is damaged ({problem}): no copy was made")
        # A copy is one file: whoever restores it needs no other.
        pages.execute("PRAGMA journal_mode = DELETE")
        for table in LEFT_OUT:
            if pages.execute(HAS_TABLE, (table,)).fetchone():
                pages.execute(f"DELETE FROM {table}")
        if pages.execute(HAS_TABLE, ("ledger",)).fetchone():
            pages.execute(WITHOUT_OWNER)
        if not personal and pages.execute(HAS_TABLE, ("jobs",)).fetchone():
            pages.execute(WITHOUT_PERSONAL_DATA)
        # Copied over a ledger in use, it is told from it.
        pages.execute(f"{APPLICATION_ID} = {random_id()}")
        if pages.execute(HAS_TABLE, ("blocks",)).fetchone():
            pages.executescript(MARK_AS_COPY)
        # It leaves out pages that are free, in which what was erased may still stand.
        pages.execute("VACUUM INTO ?", (str(to),))
    to.chmod(0o600)
    _sync(to)


def _sync(path: Path) -> None:
    """Have the file or folder `path` on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
