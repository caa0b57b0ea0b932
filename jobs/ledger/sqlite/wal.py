"""Whether the write-ahead log beside a ledger is its own: SQLite would write another one's pages into it.

The files are read as they are, before SQLite opens them, by https://www.sqlite.org/fileformat2.html. So this is for a
process that has no connection yet: closing a file ends the locks that the process holds on it.
"""

import os
from pathlib import Path

from jobs.ledger.errors import LedgerError

MAGIC = b"SQLite format 3\0"
LOG_MODE = b"\2\2"  #: in the header's bytes 18 and 19, of every ledger that was ever opened; a backup has 1 there
HEADER_SIZE = 100
RETRIES = 3


def with_sidecars(database: Path) -> list[Path]:
    """The file that SQLite opens as `database`, and those that it makes beside it, whether they are there or not."""
    file = Path(os.path.realpath(database))  # which leaves links that lead in a circle, and Path.resolve raises
    return [file, *(file.with_name(f"{file.name}-{ending}") for ending in ("wal", "shm", "journal"))]


def check_regular(ledger: Path) -> None:
    """Raise LedgerError if `ledger`, or what is beside it, is a folder, a device or a pipe. Changes and opens nothing.

    SQLite takes a device for an empty ledger, reading a pipe never ends, and all of them would be made private.
    """
    for file in with_sidecars(ledger):
        if file.exists() and not file.is_file():
            raise LedgerError(f"{file} is no regular file, so it can't be the ledger or a part of it")


def log_of(ledger: Path) -> Path:
    """The write-ahead log of the file that SQLite opens as `ledger`."""
    return with_sidecars(ledger)[1]


def log_size(ledger: Path) -> int:
    """Bytes of the write-ahead log of `ledger`; 0 if there is none."""
    try:
        return log_of(ledger).stat().st_size
    except FileNotFoundError:
        return 0


def has_log(ledger: Path) -> bool:
    """Whether there is anything in the write-ahead log of `ledger`."""
    return log_size(ledger) > 0


def check_log(ledger: Path) -> None:
    """Raise LedgerError if the write-ahead log beside `ledger` is of another file. Changes nothing."""
    # Another process may use the ledger meanwhile, and write to one file between the looks at both.
    if has_log(ledger) and all(_is_foreign(ledger) for _ in range(RETRIES)):
        name = log_of(ledger).name
        here = "was put in its place" if ledger.exists() and ledger.stat().st_size else "is missing or empty"
        raise LedgerError(
            f"{name} belongs to another file than {ledger.name}, which {here}: nothing was changed. To use "
            f"{ledger.name} as it is, move {name} and {name.removesuffix('wal')}shm away; to use what they belong to, "
            f"move {ledger.name} away and put that back"
        )


def header_of(file: Path) -> bytes:
    """The first bytes of a database, or fewer."""
    with file.open("rb") as opened:
        return opened.read(HEADER_SIZE)


def _is_foreign(ledger: Path) -> bool:
    header = header_of(ledger) if ledger.exists() else b""
    if not header.startswith(MAGIC):
        return not header  # SQLite refuses what is no database, but deletes the log of one that is gone
    return header[18:20] != LOG_MODE
