"""Whether the write-ahead log of an open ledger is as SQLite left it, whoever writes through SQLite.

SQLite trusts its index in shared memory: of a log that was cut or overwritten it reads zeros, and writes them into the
ledger. See https://www.sqlite.org/walformat.html, 1.2 and 2.1.
"""

import os
import struct
from pathlib import Path

RETRIES = 3  #: another process may write one of the files between the looks at both
HEADER, FRAME_HEADER = 32, 24  #: bytes of the log's header, and of one before each page
INDEX_HEADER = 48
_SIZE_OF_PAGE, _FRAMES, _PAGES = struct.Struct("=14xH"), struct.Struct("=16xI"), struct.Struct("=20xI")
_SALT = slice(32, 40)
_LOG_SALT = slice(16, 24)
LARGEST_PAGE = 65536  #: which two bytes can't hold: it is written as 1


class WalIndex:
    """The log and its index, read through descriptors of its own.

    As with `Header`, they are closed after SQLite's connections: to close one of the index ends SQLite's locks on it.
    """

    def __init__(self, log: Path, index: Path) -> None:
        self._log = os.open(log, os.O_RDONLY | os.O_CLOEXEC)
        self._index = os.open(index, os.O_RDONLY | os.O_CLOEXEC)

    def is_whole(self) -> bool:
        """Whether the log has all the pages that the index says it has, and is the one that the index is of."""
        return any(self._is_whole() for _ in range(RETRIES))

    def is_another(self) -> bool:
        """Where the log is not whole: whether it has another beginning than the one that was written."""
        header, index = os.pread(self._log, HEADER, 0), os.pread(self._index, INDEX_HEADER, 0)
        return len(header) == HEADER and header[_LOG_SALT] != index[_SALT]

    def pages(self) -> int | None:
        """How many pages the ledger has, as the log says; None if nothing of the log is used."""
        index = self._used_index()
        return None if index is None else int(_PAGES.unpack_from(index)[0])

    def version(self) -> int:
        """A number that changes with every commit: the index's header, which each one writes last."""
        return int.from_bytes(os.pread(self._index, INDEX_HEADER, 0))

    def close(self) -> None:
        """Close the descriptors, once SQLite's connections are closed."""
        os.close(self._log)
        os.close(self._index)

    def _is_whole(self) -> bool:
        index = self._used_index()
        if index is None:
            return True
        page = _SIZE_OF_PAGE.unpack_from(index)[0]
        page = LARGEST_PAGE if page == 1 else page
        size = HEADER + _FRAMES.unpack_from(index)[0] * (FRAME_HEADER + page)
        # Both are written before the index says so.
        return os.pread(self._log, HEADER, 0)[_LOG_SALT] == index[_SALT] and os.fstat(self._log).st_size >= size

    def _used_index(self) -> bytes | None:
        """The index's header; None if nothing of the log is used."""
        index = os.pread(self._index, INDEX_HEADER, 0)
        return index if len(index) == INDEX_HEADER and _FRAMES.unpack_from(index)[0] else None
