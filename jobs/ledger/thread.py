"""A thread for one connection: what an engine does there goes on when its caller is cancelled."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")


class ConnectionThread:
    """Runs one thing at a time."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    def run(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """The future result of `work`."""
        return self._submit(work)[0]

    async def run_within(self, seconds: float, work: Callable[[], Result]) -> Result:
        """What `work` returns. Raises TimeoutError after so many seconds: it goes on, unless it was not begun."""
        result, pending = self._submit(work)
        try:
            async with asyncio.timeout(seconds):
                return await result
        except TimeoutError:
            pending.cancel()
            raise

    def _submit(self, work: Callable[[], Result]) -> tuple[asyncio.Future[Result], Future[Result]]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Result] = loop.create_future()
        # Not run_in_executor: to cancel its future would cancel work that waits for the thread.
        pending = self._executor.submit(work)
        pending.add_done_callback(lambda done: loop.call_soon_threadsafe(_resolve, result, done))
        return result, pending

    def end(self) -> None:
        """Return once everything is done that was to run."""
        self._executor.shutdown()


def _resolve(result: asyncio.Future[Result], done: Future[Result]) -> None:
    if result.done():  # cancelled
        return
    if (error := done.exception()) is not None:
        result.set_exception(error)
    else:
        result.set_result(done.result())
