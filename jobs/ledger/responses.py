"""What callers wait for while others' requests are answered together with theirs."""

import asyncio
from typing import TypeVar

Result = TypeVar("Result")


def respond(response: asyncio.Future[Result], result: Result | Exception) -> None:
    """Let `response` return `result`, or raise it, unless its caller has gone away."""
    if response.done():
        return
    if isinstance(result, Exception):
        response.set_exception(result)
    else:
        response.set_result(result)
