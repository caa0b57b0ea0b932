"""The header of the ledger's file: another one under the same inode says that the file was written over in place.

That is what `cp` does. See https://www.sqlite.org/fileformat2.html, 1.3.
"""

import contextlib
import fcntl
import os
import struct
from pathlib import Path
from threading import Lock

from jobs.ledger.sqlite.wal import HEADER_SIZE, LOG_MODE, MAGIC

RETRIES = 3  #: a checkpoint may be writing the header while it is read
_COUNTER, _APPLICATION_ID = slice(24, 28), slice(68, 72)
_FORMAT = slice(16, 20)  #: the size of pages, and the mode of the journal
NO_ID = bytes(4)
# What every connection locks of a database while it has it open (sqlite3, os.h).
SHARED_FIRST, SHARED_SIZE = 0x40000002, 510


class Header:
    """The header of a ledger that is open, read through a descriptor of its own.

    Closing any descriptor of a file ends the locks that SQLite has on it in this process, so this one is closed last.
    """

    def __init__(self, ledger: Path) -> None:
        self._descriptor = os.open(ledger, os.O_RDONLY | os.O_CLOEXEC)
        self._lock = Lock()
        self._last = self._read()

    def is_ours(self) -> bool:
        """Whether the file is as SQLite leaves it, whoever writes through SQLite."""
        with self._lock:
            return any(self._follows() for _ in range(RETRIES))

    def keep_log_out(self) -> None:
        """Let no connection of this process write its log into the file as it closes: the file is another one now."""
        # SQLite does so only if it gets an exclusive lock. Locks of a description conflict with the process's own.
        lock = struct.pack("hhqqi0q", fcntl.F_RDLCK, os.SEEK_SET, SHARED_FIRST, SHARED_SIZE, 0)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._descriptor, fcntl.F_OFD_SETLK, lock)

    def close(self) -> None:
        """Close the descriptor, once SQLite's connections are closed."""
        os.close(self._descriptor)

    def _read(self) -> bytes:
        return os.pread(self._descriptor, HEADER_SIZE, 0)

    def _follows(self) -> bool:
        """Whether the header may follow the last one, which it replaces then."""
        header, last = self._read(), self._last
        if len(header) < HEADER_SIZE or not header.startswith(MAGIC):
            return False
        same_form = header[_FORMAT] in (last[_FORMAT], last[16:18] + LOG_MODE)
        same_id = header[_APPLICATION_ID] == last[_APPLICATION_ID] or last[_APPLICATION_ID] == NO_ID
        # It grows by one with each transaction that writes this page, and never shrinks.
        later = (_number(header[_COUNTER]) - _number(last[_COUNTER])) % 2**32 < 2**31
        if same_form and same_id and later:
            self._last = header
            return True
        return False


def _number(four: bytes) -> int:
    return int.from_bytes(four, "big")
