"""The lists in force: read again when the file changes; one that can't be read changes nothing."""

import asyncio
import logging
from pathlib import Path

from jobs.errors import Code, FaucetError
from jobs.ways.lists import NO_LISTS, Lists
from jobs.ways.lists_file import ListsError, read_lists

log = logging.getLogger("faucet.lists")

INTERVAL = 1.0  #: seconds between two looks at the file
RETRY_AFTER = 60  #: seconds

#: What tells two contents of a file apart: time of the change, size, and the file itself. None: there is no file.
Stamp = tuple[int, int, int] | None


def read_first(path: Path | None, *, needed: bool) -> Lists:
    """The lists at `path`; none where there is no such file, unless it is `needed`. Raises ListsError."""
    return NO_LISTS if path is None or not (needed or path.exists()) else read_lists(path)


class CurrentLists:
    """The lists of a file. Without a file nothing is denied, unless there was one before."""

    def __init__(self, path: Path | None, *, needed: bool = False) -> None:
        """Read them. A file that is `needed` must be there. None: there are no lists, and never will be."""
        self._path = path
        self._needed = needed
        self._lists: Lists | None = None
        self.problem: str | None = None  #: why what the file says now is not in force, for operators
        self._seen: Stamp = None  # the last look
        self._read: Stamp = None  # what was read, or tried
        if path is None:
            self._lists = NO_LISTS
        else:
            self._seen = self._read = _stamp(path)
            self._take(path)

    @property
    def now(self) -> Lists:
        """The lists in force. Raises FaucetError `paused` where there are none: they could never be read."""
        if self._lists is None:
            raise FaucetError(Code.PAUSED, "Signups are paused: the lists can't be read.", retry_after=RETRY_AFTER)
        return self._lists

    def check(self) -> None:
        """Raises FaucetError `paused` where there are no lists in force."""
        _ = self.now

    @property
    def known(self) -> bool:
        """Whether there are lists in force, be they empty."""
        return self._lists is not None

    async def watch(self) -> None:
        """Read the file again whenever it has changed, until cancelled."""
        while self._path is not None:
            await asyncio.sleep(INTERVAL)
            stamp = await asyncio.to_thread(_stamp, self._path)
            # Whoever writes it may be amid: two looks must show the same.
            is_stable, self._seen = stamp == self._seen, stamp
            if is_stable and stamp != self._read:
                await self.reload()

    async def reload(self) -> None:
        """Read the file again now."""
        if self._path is not None:
            self._read = await asyncio.to_thread(_stamp, self._path)
            await asyncio.to_thread(self._take, self._path)

    def _take(self, path: Path) -> None:
        """Let the file be in force, or say why it is not."""
        try:
            self._lists = self._lists_of(path)
        except ListsError as error:
            self.problem = _consequence(error, kept=self._lists is not None)
            log.error("lists not read", extra={"fields": {"reason": self.problem}})  # noqa: TRY400  # it names the line
            return
        self.problem = None
        if self._lists is not NO_LISTS:
            log.info("lists read", extra={"fields": {"lists": self._lists}})

    def _lists_of(self, path: Path) -> Lists:
        # Once there were lists, a file that is gone is a mistake: an empty one ends them.
        return read_first(path, needed=self._needed or self._lists not in (None, NO_LISTS))


def _consequence(error: ListsError, *, kept: bool) -> str:
    return f"{error}; {'what the file said before stays in force' if kept else 'no signup is accepted'}"


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
