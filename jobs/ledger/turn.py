"""Whose turn it is to write, where several processes have the ledger open."""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

PATIENCE = 5.0  #: seconds until SQLite's own lock must do: whoever has the turn may be stopped


class Turn:
    """A lock on the ledger's folder (flock(2)).

    SQLite lets who finds the ledger locked sleep and look again, longer each time, so under load one of two processes
    may look for seconds at the wrong moments. The system wakes who waits for this lock when it is free.
    """

    def __init__(self, folder: Path) -> None:
        # Not on the ledger itself: to close any file of it would drop SQLite's own locks of this process.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[None]:
        """Have it while the block runs."""
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await self._wait()
        try:
            yield
        finally:
            self._leave()

    def close(self) -> None:
        """Leave it for good. A second call does nothing."""
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    async def _wait(self) -> None:
        waiting = asyncio.create_task(asyncio.to_thread(fcntl.flock, self._folder, fcntl.LOCK_EX))
        try:
            await asyncio.wait({waiting}, timeout=PATIENCE)
        finally:
            if not waiting.done():
                # The thread can't be called off: what it gets after all must not be kept.
                waiting.add_done_callback(lambda _: self._leave())

    def _leave(self) -> None:
        if self._folder >= 0:
            fcntl.flock(self._folder, fcntl.LOCK_UN)
