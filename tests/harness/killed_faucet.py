"""The faucet, killed by SIGKILL at a named step of a job's path.

The first argument names the step: before or after, a method of the ledger or the node, and which call of it,
such as after:record_signed:2. The rest is the command line of faucet.py. All parts are the real ones.
"""

import os
import signal
import sys
from typing import Any

import faucet
from chain.node import Node
from commands import serve
from commands.service import Service
from jobs.ledger import Ledger


class Killer:
    """Counts the calls of one method, and ends the process at the one it was made for."""

    def __init__(self, step: str) -> None:
        self._when, self.method, number = step.split(":")
        self._left = int(number)

    def reach(self, when: str) -> None:
        """Die here, if it is time."""
        if when != self._when:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def killing(cls: type, killer: Killer) -> type:
    """`cls`, whose method may be the last thing that the process does."""
    original = getattr(cls, killer.method, None)
    if original is None:
        return cls

    async def method(self: Any, *arguments: Any, **options: Any) -> Any:
        killer.reach("before")
        result = await original(self, *arguments, **options)
        killer.reach("after")
        return result

    return type(cls.__name__, (cls,), {killer.method: method})


class KilledService(Service):
    """The service with a ledger and a node that kill it."""

    def __init__(self, settings: Any) -> None:
        killer = Killer(STEP)
        super().__init__(settings, ledger_class=killing(Ledger, killer), node_class=killing(Node, killer))


if __name__ == "__main__":
    STEP = sys.argv.pop(1)
    vars(serve)["Service"] = KilledService  # the command makes its service by this name
    faucet.main()
