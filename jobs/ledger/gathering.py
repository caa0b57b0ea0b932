"""Which signups share a commit: those that are there, and those that can be expected at once."""

import asyncio
from collections.abc import Sized

#: Signups that need not wait for more: a commit is cheap beside them, and reading others' requests would keep them
#: waiting.
ENOUGH = 100
EXPECT_TIMEOUT = 0.003  #: seconds after a response in which a client that signs up many sends the next


class Gathering:
    """Says when those who wait need not wait for others any more."""

    def __init__(self, waiting: Sized) -> None:
        self._waiting = waiting
        self._expected = 0
        self._until = 0.0  # by the event loop's clock
        self._complete = asyncio.Event()

    def note_arrival(self) -> None:
        """Say that one more waits."""
        if len(self._waiting) == self._expected:
            self._complete.set()

    def note_responses(self, count: int) -> None:
        """Say that so many got their response, whose clients may sign up the next at once."""
        self._expected = min(ENOUGH, len(self._waiting) + count)
        self._until = asyncio.get_running_loop().time() + EXPECT_TIMEOUT

    async def wait(self) -> None:
        """Return once an iteration of the event loop brought no more, and no more are expected, or there are enough.

        Those that are there to be read share the commit, and the writer's thread has the interpreter for itself.
        """
        gathered = 0
        while gathered < len(self._waiting) < ENOUGH:
            gathered = len(self._waiting)
            await asyncio.sleep(0)
        if len(self._waiting) < self._expected:
            await self._wait_for_expected()

    async def _wait_for_expected(self) -> None:
        loop = asyncio.get_running_loop()
        if self._until <= loop.time():
            return
        self._complete.clear()
        timer = loop.call_at(self._until, self._complete.set)
        try:
            await self._complete.wait()
        finally:
            timer.cancel()
