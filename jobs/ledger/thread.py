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
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Result] = loop.create_future()
        # Not run_in_executor: to cancel its future would cancel work that waits for the thread.
        self._executor.submit(work).add_done_callback(lambda done: loop.call_soon_threadsafe(_resolve, result, done))
        return result

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
