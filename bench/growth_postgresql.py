"""What a ledger of ten million costs in PostgreSQL, beside an empty one on a server of its own."""

import asyncio
import time
from pathlib import Path

from bench.database import postgresql
from bench.figure import Figure
from bench.growth import compared
from bench.machines import new_ledger
from bench.million_postgresql import make_ledger

JOBS = 10_000_000


async def measure(size: float, folder: Path) -> list[Figure]:
    """The same of both, in turn, and how many times slower the large one is."""
    with postgresql() as small, postgresql() as large:
        places = {count: new_ledger(server) for count, server in ((0, small), (round(JOBS * size), large))}
        for count, place in places.items():
            await asyncio.to_thread(make_ledger, place, count, now=time.time())
        return await compared(size, folder, places)
