"""What threads take of the processor, and how often they change."""

import asyncio
import json
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.processes import family

Thread = tuple[int, int]  #: process and thread


@dataclass(frozen=True, slots=True)
class Usage:
    """What a thread has taken so far."""

    cpu: float = 0.0  #: seconds on a core
    waited: float = 0.0  #: seconds that it was ready and had none
    switches: int = 0  #: how often it gave a core away, or lost it

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.cpu + other.cpu, self.waited + other.waited, self.switches + other.switches)

    def since(self, before: "Usage") -> "Usage":
        """What it took since `before`."""
        return Usage(self.cpu - before.cpu, self.waited - before.waited, self.switches - before.switches)


def usages(pid: int) -> dict[Thread, Usage]:
    """Of each thread of the process and of all that it started."""
    return {
        (member, int(task.name)): _usage(task)
        for member in family(pid)
        for task in Path(f"/proc/{member}/task").iterdir()
    }


def _usage(task: Path) -> Usage:
    on_core, waited, _ = map(int, (task / "schedstat").read_text().split())
    lines = (task / "status").read_text().splitlines()
    switches = sum(int(line.split()[1]) for line in lines if "_ctxt_switches:" in line)
    return Usage(on_core / 1e9, waited / 1e9, switches)


def taken(before: Mapping[Thread, Usage], after: Mapping[Thread, Usage]) -> dict[Thread, Usage]:
    """What each thread took meanwhile."""
    return {thread: usage.since(before.get(thread, Usage())) for thread, usage in after.items()}


async def names_of(threads: Mapping[Thread, Usage]) -> dict[Thread, str]:
    """Each thread's process and name, as far as py-spy may look."""
    found: dict[int, str] = {}
    for pid in {pid for pid, _ in threads}:
        found |= await _thread_names(pid)
    return {(pid, thread): f"{process_name(pid)} {_name(pid, thread, found)}" for pid, thread in threads}


def _name(pid: int, thread: int, found: Mapping[int, str]) -> str:
    return "main" if pid == thread else short_name(found.get(thread, "another"))


def short_name(thread: str) -> str:
    """The name of `thread` without its number in a pool, or the function that it runs."""
    return re.split("[_ ]", thread, maxsplit=1)[0]


def process_name(pid: int) -> str:
    """What its command line says: the name that its supervisor gave it, its command or its module."""
    arguments = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    named = [each.removeprefix("--name=") for each in arguments if each.startswith("--name=")]
    commands = [each for each in arguments if each in {"serve", "bench.sink"}]
    return (named + commands + arguments)[0]


async def _thread_names(pid: int) -> dict[int, str]:
    program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if program is None:
        return {}
    process = await asyncio.create_subprocess_exec(
        program, "dump", "--json", "--nonblocking", "--pid", str(pid),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    output, _ = await process.communicate()
    threads = json.loads(output) if process.returncode == 0 else []
    return {each["os_thread_id"]: each["thread_name"] or "another" for each in threads}
