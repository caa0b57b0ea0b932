"""The faucet, killed by SIGKILL at a named step of a job's path.

The first argument names the step: before or after, a method of a part of the ledger or of the node, and which call,
such as after:record_signed:2. The rest is the command line of faucet.py. All parts are the real ones.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import faucet
from chain.node import Node
from commands import serve
from commands.service import Service
from jobs.ledger import Ledger
from jobs.ledger.store import Engine


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


def killing(method: Callable[..., Awaitable[Any]], killer: Killer) -> Callable[..., Awaitable[Any]]:
    """`method`, which may be the last thing that the process does."""

    async def killed(*arguments: Any, **options: Any) -> Any:
        killer.reach("before")
        result = await method(*arguments, **options)
        killer.reach("after")
        return result

    return killed


class KilledLedger(Ledger):
    """A ledger of which a part's method kills the process."""

    def __init__(self, engine: Engine, **options: Any) -> None:
        super().__init__(engine, **options)
        for part in (self.signups, self.drain, self.blocks):
            if hasattr(part, KILLER.method):
                setattr(part, KILLER.method, killing(getattr(part, KILLER.method), KILLER))


class KilledNode(Node):
    """A node of which a method kills the process."""

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        if hasattr(self, KILLER.method):
            setattr(self, KILLER.method, killing(getattr(self, KILLER.method), KILLER))


class KilledService(Service):
    """The service with a ledger and a node that kill it."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings, ledger_class=KilledLedger, node_class=KilledNode)


if __name__ == "__main__":
    KILLER = Killer(sys.argv.pop(1))
    vars(serve)["Service"] = KilledService  # the command makes its service by this name
    faucet.main()
