"""Long work on the event loop leaves others their iterations."""

import asyncio
import time

from chain.slices import SLICE, map_in_slices


async def test_others_run_between_slices() -> None:
    ran: list[int] = []

    def work(number: int) -> int:
        end = time.monotonic() + SLICE * 2
        while time.monotonic() < end:
            """It takes longer than a slice."""
        ran.append(number)
        return number * 2

    async def other() -> int:
        return len(ran)

    waiting = asyncio.create_task(other())
    assert await map_in_slices(work, range(3)) == [0, 2, 4]
    assert await waiting < len(ran)
