"""Whether the ledger's files are still those that were opened."""

import contextlib
import os
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from jobs.ledger.sqlite.header import Header
from jobs.ledger.sqlite.wal import with_sidecars
from jobs.ledger.sqlite.wal_index import WalIndex

Identity = tuple[int, int]  #: device and inode; what is at a path may be another file than the one that is open
#: Seconds after a change in a folder until the next one has another time for certain: a kernel counts them in
#: milliseconds, some file systems in two seconds.
SETTLED_AFTER = 3.0


class MisplacedError(sqlite3.OperationalError):
    """What is written now would be in no file that anybody finds."""


class Place:
    """The paths of a ledger that was just opened, and which files they were."""

    def __init__(self, ledger: Path) -> None:
        # Through a link, the path may lead elsewhere later; the files beside are those of where it leads now.
        self._file, self._log, self._shared_memory, _ = with_sidecars(ledger)
        self._ledger = ledger
        self._opened = {path: _identity(path) for path in (ledger, self._log, self._shared_memory)}
        self._header = Header(ledger)
        self._folder = None if ledger.is_symlink() else os.fspath(ledger.parent)  # in which all of them are
        self._settled: tuple[int, ...] | None = None  # the folder as it was when all were last found in place
        # A copy that was only looked at has none.
        self._wal_index = WalIndex(self._log, self._shared_memory) if None not in self._opened.values() else None

    def problem(self) -> str | None:
        """The sentence if one of the files was taken away, overwritten or cut; None if all are as they were opened."""
        if (problem := self._problem_of_paths()) is not None:
            return problem
        if not self._header.is_ours():
            return _sentence(self._ledger, "overwritten")
        return None if self._is_log_whole() else _sentence(self._log, "cut or overwritten")

    def _problem_of_paths(self) -> str | None:
        """The sentence if one of the files was taken away or replaced, or has another path now."""
        # Read before the files: what happens to them meanwhile shows the next time.
        folder = self._settled_folder()
        if folder is not None and folder == self._settled:
            return None
        for path, opened in self._opened.items():
            if opened is not None and (found := _identity(path)) != opened:
                return _sentence(path, "removed or moved" if found is None else "replaced")
        # By a link it is the same file, but whoever opens it makes another log.
        if self._ledger.resolve() != self._file:
            return _sentence(self._ledger, "moved")
        self._settled = folder
        return None

    def _settled_folder(self) -> tuple[int, ...] | None:
        """What changes with each file that is made, moved or removed beside the ledger; None if that can't be known.

        A commit looks at this alone: for each call of the system, its thread and the event loop's wait for each other.
        """
        if self._folder is None:
            return None
        try:
            found = os.stat(self._folder)  # noqa: PTH116  # Path.stat takes twice as long
        except OSError:
            return None
        is_settled = time.time() - found.st_mtime > SETTLED_AFTER
        return (found.st_dev, found.st_ino, found.st_mtime_ns) if is_settled else None

    def version(self) -> int:
        """A number that changes with every commit, for whoever has a log; it takes no lock and no other thread."""
        return 0 if self._wal_index is None else self._wal_index.version()

    def check(self) -> None:
        """Raise MisplacedError unless all files are in place."""
        if (problem := self.problem()) is not None:
            raise MisplacedError(problem)

    def keep_log_out(self) -> bool:
        """Write nothing into the ledger from a log that is not its own any more, or was cut; whether it is so."""
        is_ours = self._header.is_ours()
        if is_ours and self._is_log_whole():
            return False
        self._header.keep_log_out()
        # Of a log that was only cut, the next start takes what is whole.
        if not is_ours or (self._wal_index is not None and self._wal_index.is_another()):
            self._set_log_aside()
        return True

    def _set_log_aside(self) -> None:
        for path in (self._log, self._shared_memory):
            if _identity(path) == self._opened[path]:  # another process may have been started again on what is there
                with contextlib.suppress(FileNotFoundError):
                    path.rename(path.with_name(f"{path.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"))

    def close(self) -> None:
        """Look no more. SQLite's connections must be closed before."""
        self._header.close()
        if self._wal_index is not None:
            self._wal_index.close()

    def _is_log_whole(self) -> bool:
        return self._wal_index is None or self._wal_index.is_whole()


def _sentence(path: Path, what: str) -> str:
    return f"{path.name} was {what} while the faucet used it: the faucet ends, to be started again on what is there"


def _identity(path: Path) -> Identity | None:
    """Which file is at `path`; None if there is none."""
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino
