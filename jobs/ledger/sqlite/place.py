"""Whether the ledger's files are still those that were opened."""

import sqlite3
from pathlib import Path

from jobs.ledger.sqlite.wal import with_sidecars

Identity = tuple[int, int]  #: device and inode; what is at a path may be another file than the one that is open


class MisplacedError(sqlite3.OperationalError):
    """What is written now would be in no file that anybody finds."""


class Place:
    """The paths of a ledger that was just opened, and which files they were."""

    def __init__(self, ledger: Path) -> None:
        # Through a link, the path may lead elsewhere later; the files beside are those of where it leads now.
        _, log, shared_memory, _ = with_sidecars(ledger)
        self._opened = {path: _identity(path) for path in (ledger, log, shared_memory)}

    def problem(self) -> str | None:
        """The sentence if one of the files was removed, replaced or moved; None where all are in place."""
        for path, opened in self._opened.items():
            if opened is not None and (found := _identity(path)) != opened:
                what = "removed or moved" if found is None else "replaced"
                return (
                    f"{path.name} was {what} while the faucet used it: the faucet ends, to be started again on what "
                    "is there"
                )
        return None

    def check(self) -> None:
        """Raise MisplacedError unless all files are in place."""
        if (problem := self.problem()) is not None:
            raise MisplacedError(problem)


def _identity(path: Path) -> Identity | None:
    """Which file is at `path`; None if there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
