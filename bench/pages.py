"""How long the server takes for each page with a million jobs in the ledger."""

import asyncio
import statistics
import time
from pathlib import Path

from bench.figure import Figure
from bench.million import make_ledger
from tests.harness.operators import HASH, Operator
from tests.harness.serving import NOW, Serving, serving

JOBS = 1_000_000
FEWEST = 200_000  #: with fewer in the same month, the oldest that waits is too old for /readyz
TIMES = 15  #: that each page is asked for
MAX_MEDIAN = 50.0  #: milliseconds at the median

PAGES = (
    "/", "/status", "/readyz", "/metrics", "/jobs/{id}", "/api/v1/jobs/{id}", "/api/v1/accounts/name-500",
    "/admin", "/admin/jobs", "/admin/jobs?state=failed", "/admin/jobs?search=name-12345", "/admin/jobs?search=name-1",
    "/admin/jobs?search=1.2.54321", "/admin/jobs/{id}", "/admin/audit",
)  # fmt: skip


async def measure(size: float, folder: Path) -> list[Figure]:
    """The median of each page, in the process that serves."""
    jobs = max(FEWEST, int(JOBS * size))
    await asyncio.to_thread(make_ledger, folder / "faucet.db", jobs, now=NOW)
    async with serving(folder, admin_password_hash=HASH) as served:
        operator = Operator(served)
        await operator.log_in()
        return [await _measure(served, operator, page.format(id=f"{jobs // 2:032x}"), jobs) for page in PAGES]


async def _measure(served: Serving, operator: Operator, path: str, jobs: int) -> Figure:
    seconds = []
    for _ in range(TIMES):
        start = time.perf_counter()
        reply = await (operator.see(path) if path.startswith("/admin") else served.fetch(path))
        seconds.append(time.perf_counter() - start)
        if reply.status != 200:
            raise AssertionError(f"{path}: {reply.status}")
    median = statistics.median(seconds) * 1000
    what = path.replace(f"{jobs // 2:032x}", "ID")
    return Figure(f"{what}, {jobs:,} jobs", median, "ms", f"{MAX_MEDIAN:.0f} ms", met=median <= MAX_MEDIAN)
