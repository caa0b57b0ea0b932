"""Where the time of accepting goes: what the event loop's thread does, looked at from outside by py-spy."""

import asyncio
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from bench.figure import Figure
from bench.load import CONNECTIONS, PATH, load, write_keys
from bench.processes import faucet, pause_drain
from bench.registering import sink

SECONDS = 20  #: of load
RATE = 100  #: looks a second
#: What is done while a frame's name ends so, or one below it: the first that fits counts.
DOING = {
    "waiting: a commit, or the next request": ("select (selectors.py)",),
    "the signup's checks": ("parse_signup (jobs/signup.py)",),
    "metrics and the log's line": ("log_request (handlers/base.py)",),
    "the reply": ("_reply (handlers/api/signups.py)",),
    "to the ledger and back": ("submit (jobs/ledger/signups.py)", "_write (jobs/ledger/signups.py)"),
    "reading, Tornado": ("_read_message (tornado/http1connection.py)", "_handle_events (tornado/iostream.py)"),
}
REST = "the rest of Tornado and asyncio"
_LINE = re.compile(r":\d+\)")  # of a function, in the source


async def measure(size: float, folder: Path) -> list[Figure]:
    """Shares of the thread's time, of one process that accepts as fast as it can. Empty where py-spy may not look."""
    seconds = max(1, round(SECONDS * size))
    keys = write_keys(folder / "keys")
    async with sink() as url, faucet(folder / "one", url) as service:
        await pause_drain(service)
        await load(service.url + PATH, keys, "warm", seconds=1)
        busy = asyncio.ensure_future(load(service.url + PATH, keys, "looked", seconds=seconds + 2))
        stacks = await look(service.pid, folder / "stacks", seconds, "--idle")
        await busy
    return [
        Figure(what, share, "% of the time", note=f"py-spy, {CONNECTIONS} connections, drain paused")
        for what, share in shares(stacks).items()
    ]


async def look(pid: int, output: Path, seconds: int, *options: str) -> list[str]:
    """Stacks of the process with how often each was seen, by py-spy's `options`; none where that is not allowed."""
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        return []
    looking = await asyncio.create_subprocess_exec(
        program, "record", "--pid", str(pid), "--duration", str(seconds), "--rate", str(RATE), "--threads",
        "--function", "--format", "raw", "--output", str(output), *options,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return output.read_text().splitlines() if await looking.wait() == 0 else []


def shares(stacks: Iterable[str]) -> dict[str, float]:
    """Percents of the main thread's time, by what it does, of lines `function (file:line);… count`."""
    seen: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = _LINE.sub(")", stack).split(";")
        if "MainThread" in frames[0]:
            seen[_doing(frames)] += int(count)
    return {what: seen[what] / seen.total() * 100 for what in (*DOING, REST) if seen[what]}


def _doing(frames: list[str]) -> str:
    return next((what for what, names in DOING.items() if any(frame.endswith(names) for frame in frames)), REST)
