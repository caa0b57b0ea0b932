"""Who waits for which job to move."""

import asyncio
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol


class Waiter(Protocol):
    """Who waits for a job."""

    def poke(self) -> None:
        """Say that the job moved."""

    def end(self) -> None:
        """Let nobody wait any more: the program stops."""


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
        self._waiters: dict[str, set[Waiter]] = {}
        self._watches = 0
        self._closed = False

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watch]:
        """A watch on `job_id`; read the job after entering it, or a move in between is missed."""
        watch = Watch()
        self._watches += 1
        self.add(job_id, watch)
        try:
            yield watch
        finally:
            self._watches -= 1
            self.discard(job_id, watch)

    def add(self, job_id: str, waiter: Waiter) -> None:
        """Let `waiter` hear of what is published of `job_id`, and of the end of the program."""
        self._waiters.setdefault(job_id, set()).add(waiter)
        if self._closed:
            waiter.end()

    def discard(self, job_id: str, waiter: Waiter) -> None:
        """Let it hear of nothing more."""
        waiters = self._waiters[job_id]
        waiters.discard(waiter)
        if not waiters:
            del self._waiters[job_id]

    @property
    def is_watched(self) -> bool:
        """Whether there is a watch on any job."""
        return self._watches > 0

    def watched(self, job_id: str) -> Collection[Waiter]:
        """Who waits for the job now."""
        return self._waiters.get(job_id, ())

    def publish(self, job_ids: Iterable[str]) -> None:
        """Wake whoever waits for one of `job_ids`."""
        if not self._waiters:
            return
        for job_id in job_ids:
            for waiter in self.watched(job_id):
                waiter.poke()

    def close(self) -> None:
        """End every watch, and those to come: waiters get the answer of a time that ran out."""
        self._closed = True
        for waiters in self._waiters.values():
            for waiter in waiters:
                waiter.end()
