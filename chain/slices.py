"""Long work on the event loop, in slices between which the loop serves others."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

SLICE = 0.002  #: seconds of work before an iteration of the event loop


async def map_in_slices(
    function: Callable[[Item], Result], items: Iterable[Item], seconds: float = SLICE
) -> list[Result]:
    """`function` of each of `items`, in slices of so many `seconds`; what it raises ends it."""
    results = []
    end = time.monotonic() + seconds
    for item in items:
        results.append(function(item))
        if time.monotonic() > end:
            await asyncio.sleep(0)
            end = time.monotonic() + seconds
    return results
