"""What callers wait for while others' requests are answered together with theirs."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def tell(callback: Callable[[Result | Exception], None], result: Result | Exception) -> None:
    """Call back with `result`. What fails there is the event loop's to report: others wait for theirs."""
    try:
        callback(result)
    except Exception as error:  # noqa: BLE001  # whatever it was
        problem = {"message": "a waiting request was not answered", "exception": error}
        asyncio.get_running_loop().call_exception_handler(problem)


def respond(response: asyncio.Future[Result], result: Result | Exception) -> None:
    """Let `response` return `result`, or raise it, unless its caller has gone away."""
    if response.done():
        return
    if isinstance(result, Exception):
        response.set_exception(result)
    else:
        response.set_result(result)
