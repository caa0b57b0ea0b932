"""Whose turn it is to write, where several processes have the ledger open."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path

LOCK_TIMEOUT = 5.0  #: seconds until SQLite's own lock must do: whoever has the turn may be stopped


class Turn:
    """A lock on the ledger's folder (flock(2)).

    SQLite lets who finds the ledger locked sleep and look again, longer each time, so under load one of two processes
    may look for seconds at the wrong moments. The system wakes who waits for this lock when it is free.
    """

    def __init__(self, folder: Path) -> None:
        # Not on the ledger itself: to close any file of it would drop SQLite's own locks of this process.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        """Have it while the block runs. The thread waits for it."""
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _Wait(self).begin()
        try:
            yield
        finally:
            self.leave()

    def wait(self) -> None:
        """Return when it is this one's turn, however long that takes."""
        fcntl.flock(self._folder, fcntl.LOCK_EX)

    def leave(self) -> None:
        """Let the next have it."""
        if self._folder >= 0:
            fcntl.flock(self._folder, fcntl.LOCK_UN)

    def close(self) -> None:
        """Leave it for good. A second call does nothing."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1


class _Wait:
    """Waiting with LOCK_TIMEOUT, which flock(2) does not know: a thread that can't be called off waits without."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._came = threading.Event()
        self._deciding = threading.Lock()
        self._over = False

    def begin(self) -> None:
        """Return when the turn has come, or patience has ended."""
        threading.Thread(target=self._wait, name="turn", daemon=True).start()
        self._came.wait(LOCK_TIMEOUT)
        with self._deciding:
            self._over = True

    def _wait(self) -> None:
        with contextlib.suppress(OSError):  # it was closed
            self._turn.wait()
        with self._deciding:
            self._came.set()
            if self._over:
                self._turn.leave()
