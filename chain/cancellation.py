"""Ends tasks, also those that lose a cancellation."""

import asyncio
from collections.abc import Collection
from typing import Any

AGAIN = 1.0  #: seconds that a task has to clean up before it is cancelled again


async def end_tasks(tasks: Collection[asyncio.Task[Any]], *, timeout: float | None = None) -> None:  # noqa: ASYNC109  # not what an `async with` bounds: the tasks go on
    """Cancel `tasks` until all have ended, or `timeout` seconds are over; how they ended counts as seen.

    Once is not enough: until Python 3.12 `asyncio.wait_for`, which libraries use, returns its result and forgets a
    cancellation that came at the same moment (https://github.com/python/cpython/issues/86296). A mail that was taken
    as the program stopped kept it from ever ending.
    """
    loop = asyncio.get_running_loop()
    deadline = None if timeout is None else loop.time() + timeout
    running = {task for task in tasks if not task.done()}
    while running and (deadline is None or loop.time() < deadline):
        for task in running:
            task.cancel()
        patience = AGAIN if deadline is None else min(AGAIN, deadline - loop.time())
        _, running = await asyncio.wait(running, timeout=patience)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # else the event loop logs that nobody looked at it
