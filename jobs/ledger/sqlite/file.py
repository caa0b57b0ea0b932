"""The SQLite file: made, migrated and checked before it is used."""

import contextlib
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from jobs.ledger.errors import LedgerError, OldLedgerError
from jobs.ledger.scripts import scripts_in
from jobs.ledger.sqlite.journal import check_journal
from jobs.ledger.sqlite.wal import check_log, check_regular, has_log, log_of, with_sidecars
from jobs.ledger.sqlite.wal_index import RETRIES, WalIndex

log = logging.getLogger("faucet.ledger")

SCHEMA = Path(__file__).parents[3] / "faucet.db.sql"
#: The script N.sql takes a ledger from version N - 1 to N.
MIGRATIONS_FOLDER = Path(__file__).with_name("migrations")

OPEN_TIMEOUT = 5.0  #: seconds to wait for an operator's shell that has the file locked
#: Seconds that the file is checked before it is used: a million jobs take longer, and must not hold up a start. A
#: backup checks all of it.
CHECK_TIMEOUT = 2.0
APPLICATION_ID = "PRAGMA application_id"
OLDEST_SQLITE = (3, 38, 0)  #: the first that has `->>`
CHECK_INTERVAL = 10_000  #: instructions of SQLite's machine between two looks at the time


def random_id() -> int:
    """A ledger's `application_id`."""
    return 1 + secrets.randbelow(2**31 - 1)


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
    return scripts_in(MIGRATIONS_FOLDER)


def check_sqlite() -> None:
    """Raise LedgerError if this Python came with a SQLite that lacks what the ledger's statements need."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        needed = ".".join(map(str, OLDEST_SQLITE))
        raise LedgerError(f"SQLite {needed} or newer is needed, and this Python has {sqlite3.sqlite_version}")


def prepare_file(path: Path) -> None:
    """Make or migrate the ledger at `path`. Raises LedgerError, and leaves a damaged one as it is."""
    check_sqlite()
    check_regular(path)
    check_access(path)
    check_log(path)
    check_journal(path)
    with translated(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        version = _check_undamaged(path) if path.exists() else 0
        _make_private(path)
        with contextlib.closing(sqlite3.connect(path, timeout=OPEN_TIMEOUT, isolation_level=None)) as connection:
            # A write-ahead log lets readers go on while the one writer commits.
            connection.execute("PRAGMA journal_mode = WAL")
            prepare(connection, SCHEMA.read_text(), migrations())
            if connection.execute(APPLICATION_ID).fetchone()[0] == 0 and (version == 0 or _write_anew(connection)):
                _identify(connection)


def _write_anew(connection: sqlite3.Connection) -> bool:
    """Write all pages anew, as earlier versions left erased addresses in free ones; whether it could be done."""
    try:
        connection.execute("VACUUM")
    except (
        sqlite3.DatabaseError
    ) as error:  # such as a full disk, or another process that writes: the next start does it
        log.warning("ledger not written anew", extra={"fields": {"reason": error}})
        return False
    return True


def _identify(connection: sqlite3.Connection) -> None:
    """Give the ledger a random id in its header, unless it has one, so that no other ledger is taken for it."""
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute(APPLICATION_ID).fetchone()[0] == 0:
        connection.execute(f"{APPLICATION_ID} = {random_id()}")
    connection.execute("COMMIT")


def check_version(path: Path) -> None:
    """Raise LedgerError unless the file is an undamaged ledger of the current version. Changes nothing."""
    current = len(migrations()) + 1
    check_sqlite()
    check_regular(path)
    check_log(path)
    check_journal(path)
    with translated(path):
        version = _check_undamaged(path)
    if version > current or version == 0:
        raise LedgerError(f"{path.name} is no ledger of version {current} or earlier")
    if version < current:
        raise OldLedgerError(f"the ledger has version {version}, and is migrated when the faucet starts")


def _make_private(path: Path) -> None:
    """Make the file if there is none; it, and what SQLite makes beside it, are for their owner alone."""
    if not path.exists():
        path.touch(mode=0o600)
    for file in with_sidecars(path):
        # Whoever is not the owner leaves that to the owner.
        with contextlib.suppress(FileNotFoundError, PermissionError):
            file.chmod(0o600)


def _check_undamaged(path: Path) -> int:
    """The version of the ledger. Raises LedgerError if it is damaged, as far as CHECK_TIMEOUT shows it.

    To look changes nothing: SQLite's last writable connection would write the log into the file.
    """
    # Without a log no other process writes, and it would be made just to look; with one, it is read and stays.
    mode = "mode=ro" if log_of(path).exists() else "mode=ro&immutable=1"
    uri = f"{with_sidecars(path)[0].as_uri()}?{mode}"
    with contextlib.ExitStack() as closed_last, contextlib.closing(_connect(uri)) as connection:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        # Of an older copy with a newer log beside it, the pages are whole, but tables and indexes disagree.
        if (problem := _problem(connection, "integrity_check" if has_log(path) else "quick_check")) is not None:
            raise _damaged(path, problem)
        if has_log(path):
            _check_size(connection, path, closed_last)
    return version


def _check_size(connection: sqlite3.Connection, path: Path, closed_last: contextlib.ExitStack) -> None:
    """Raise LedgerError if the log says that the ledger has more pages, or fewer, than its first page says.

    So it is with an older copy, where no page that its check looks at happens to be in the log.
    """
    _, log, index, _ = with_sidecars(path)
    if not index.exists():  # SQLite has it in memory where it may not write
        return
    opened = WalIndex(log, index)
    closed_last.callback(opened.close)
    # Another process may write between the looks at both.
    if all(opened.pages() not in (None, _page_count(connection)) for _ in range(RETRIES)):
        raise _damaged(path, "its log is newer")


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, timeout=OPEN_TIMEOUT)


def _page_count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA page_count").fetchone()[0])


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raise LedgerError instead of SQLite's errors and the system's."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CORRUPT:
            raise _damaged(path, error) from error
        raise LedgerError(f"{path.name}: {error}") from error


def _problem(connection: sqlite3.Connection, check: str) -> str | None:
    """What this check of SQLite's finds wrong with the file, as far as CHECK_TIMEOUT shows it."""
    end = time.monotonic() + CHECK_TIMEOUT
    connection.set_progress_handler(lambda: time.monotonic() > end, CHECK_INTERVAL)
    try:
        found: str = connection.execute(f"PRAGMA {check}(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    return None if found == "ok" else found


def check_access(path: Path) -> None:
    """Raise LedgerError where the ledger or a file of it can't be written.

    SQLite would read what it may not write, refuse every signup, and not notice when that is mended.
    """
    for file in with_sidecars(path):
        if file.exists() and not os.access(file, os.W_OK):
            raise LedgerError(f"{file.name} can't be written by this user")


def _damaged(path: Path, problem: object) -> LedgerError:
    found = " ".join(str(problem).split())
    # The older file may be whole, and the log another one's.
    log = f", and {log_of(path).name} must be moved away with it" if has_log(path) else ""
    return LedgerError(f"{path.name} is damaged ({found}): restore a backup; it was left as it is{log}")
