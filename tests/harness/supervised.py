"""The processes of `serve --workers`, and what they count together."""

import contextlib
from pathlib import Path

from handlers.http.acceptor import FILLED
from tests.harness.program import Faucet

CROWD = 2 * FILLED + 64  #: clients at once that several processes must serve, as none takes so many before the others


def children(pid: int) -> dict[int, str]:
    """The command lines of the processes that `pid` started."""
    command_lines = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid:
                command_lines[int(folder.name)] = (folder / "cmdline").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it has exited by now
            continue
    return command_lines


def of_http(pid: int) -> set[int]:
    return {child for child, command in children(pid).items() if "--listener" in command}


def of_chain(pid: int) -> set[int]:
    return children(pid).keys() - of_http(pid)


def sockets_of(pid: int) -> int:
    """How many sockets a process has."""
    found = 0
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that was listed with
            found += str(file.readlink()).startswith("socket:")
    return found


async def metric(service: Faucet, name: str) -> float:
    lines = (await service.fetch("/metrics")).body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))
