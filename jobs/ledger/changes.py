"""Who waits for which job to move."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager


class Watch:
    """One waiter on one job."""

    def __init__(self) -> None:
        self._moved = False
        self._waiter: asyncio.Future[None] | None = None
        self.ended = False  #: the program stops; nothing more will be told

    async def changed(self, timeout: float) -> bool:  # noqa: ASYNC109  # the bound is part of what is asked
        """Whether the job moved since the watch began, or since the last call; waits `timeout` seconds for it."""
        if not self._moved:
            await self._wait(timeout)
        if self.ended or not self._moved:
            return False
        self._moved = False
        return True

    def end(self) -> None:
        """Let nobody wait any more: the program stops."""
        self.ended = True
        self.poke()

    def poke(self) -> None:
        """Say that the job moved."""
        self._moved = True
        self._wake()

    async def _wait(self, seconds: float) -> None:
        """Return at a call of `poke`, or after so many seconds."""
        # An event and asyncio.timeout take four times as long, and a block wakes thousands.
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Changes:
    """Tells waiters of a job that it moved, after the move is on disk."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}
        self._closed = False

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """A watch on `job_id`; read the job after entering it, or a move in between is missed."""
        watch = Watch()
        if self._closed:
            watch.end()
        watches = self._watches.setdefault(job_id, set())
        watches.add(watch)
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                self._watches.pop(job_id, None)

    @property
    def anybody(self) -> bool:
        """Whether anybody waits."""
        return bool(self._watches)

    def watched(self, job_id: str) -> Collection[Watch]:
        """Who waits for the job now."""
        return self._watches.get(job_id, ())

    def publish(self, job_ids: Iterable[str]) -> None:
        """Wake whoever watches one of `job_ids`."""
        if not self._watches:
            return
        for job_id in job_ids:
            for watch in self.watched(job_id):
                watch.poke()

    def close(self) -> None:
        """End every watch, and those to come: waiters get the answer of a time that ran out."""
        self._closed = True
        for watches in self._watches.values():
            for watch in watches:
                watch.end()
