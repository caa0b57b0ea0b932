"""Who has the interpreter while signups are accepted and registered in one process: py-spy with `--gil` and without."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.figure import Figure
from bench.load import PATH, load
from bench.processes import all_registered
from bench.profile import RATE, look
from bench.usage import short_name
from tests.harness.program import Faucet


async def measure_interpreter(service: Faucet, folder: Path, keys: Path, seconds: int) -> list[Figure]:
    """Shares of the time that threads had the interpreter, and that they ran at all; none where py-spy may not look."""
    seconds = max(1, seconds // 2)
    figures = []
    for tag, option, what in (("gil", "--gil", "has the interpreter"), ("ran", "--nonblocking", "runs")):
        busy = asyncio.ensure_future(load(service.url + PATH, keys, tag, seconds=seconds + 2))
        stacks = await look(service.pid, folder.with_suffix(f".{tag}"), seconds, option)
        await busy
        await all_registered(service)
        figures += _figures(what, by_thread(stacks), seconds * RATE)
    return figures


def _figures(what: str, seen: Counter[str], looks: int) -> list[Figure]:
    return [
        Figure(
            f"{name} {what}", count / looks * 100, "% of the time", note="py-spy, one process, accepting and draining"
        )
        for name, count in seen.most_common()
        if count * 100 >= looks
    ]


def by_thread(stacks: Iterable[str]) -> Counter[str]:
    """How often each thread was seen, of lines `thread (id): "name";function… count`."""
    seen: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        name = stack.partition(";")[0].partition('"')[2].partition('"')[0] or stack.partition(": ")[2].partition(";")[0]
        seen[short_name(name)] += int(count)
    return seen
