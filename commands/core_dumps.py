"""No core dump of a process that may hold the registrar's key."""

import contextlib
import ctypes
import resource

PR_SET_DUMPABLE = 4  #: prctl(2)


def forbid_core_dumps() -> None:
    """Let the kernel write no core dump of this process, nor pipe one to a handler, and let none of its user read it.

    The limit holds for child processes too; the attribute ends with execve(2), so each process sets it itself.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):  # where it is no Linux
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
