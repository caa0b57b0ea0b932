"""Runs asynchronous work beside the synchronous browser."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

GUARD = 60.0  #: seconds after which work that hangs fails


class Beside:
    """An event loop in a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work`; returns its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(GUARD)

    @contextmanager
    def opened(self, context: AbstractAsyncContextManager[T]) -> Iterator[T]:
        """Enter `context` until the block ends; yields its value."""
        value = self.do(_enter(context))
        try:
            yield value
        finally:
            self.do(_leave(context))


@contextmanager
def beside() -> Iterator[Beside]:
    """The loop, stopped at the end of the block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Beside(loop)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _enter(context: AbstractAsyncContextManager[T]) -> T:
    return await context.__aenter__()


async def _leave(context: AbstractAsyncContextManager[T]) -> None:
    await context.__aexit__(None, None, None)
