"""Which process is which, on one machine and until its next start.

A process id alone is given to others later, and names another process in another container. So an identity is the boot,
the namespace of process ids, the id, and when the process started, in the kernel's ticks since the boot (proc(5)).
"""

import os
import secrets
from pathlib import Path

PROC = Path("/proc")
BOOT_ID = "sys/kernel/random/boot_id"
DEAD = frozenset("ZXx")  #: states of a process that runs no more, though its parent has not looked yet
START_TIME, STATE = 19, 0  #: places in /proc/PID/stat after the name of the program


def this_process(proc: Path = PROC) -> str:
    """The identity of this process; one that nobody can compare where the kernel does not tell."""
    try:
        return "/".join((*_place(proc), str(os.getpid()), _stat(proc, "self")[START_TIME]))
    except OSError:
        return secrets.token_hex(16)


def is_gone(identity: str, proc: Path = PROC) -> bool:
    """Whether the process of this identity runs no more for certain: False where it may run, or is elsewhere."""
    try:
        *place, pid, started = identity.split("/")
        if tuple(place) != _place(proc):
            return False
    except (OSError, ValueError):
        return False
    try:
        found = _stat(proc, pid)
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:
        return False
    return found[STATE] in DEAD or found[START_TIME] != started


def _place(proc: Path) -> tuple[str, str]:
    """This boot and this namespace of process ids."""
    namespace = (proc / "self/ns/pid").readlink().name
    return (proc / BOOT_ID).read_text().strip(), namespace


def _stat(proc: Path, pid: str) -> list[str]:
    """What follows the program's name, which may hold anything, in the line about a process. Raises OSError."""
    return (proc / pid / "stat").read_text().rpartition(")")[2].split()
