"""The faucet, killed by SIGKILL at a named step of a job's path.

The first argument names the step: before or after, a method of a part of the ledger or of the node, and which call,
such as after:drain.record_signed:2 or before:node.broadcast:1. The rest is the command line of faucet.py. All parts
are the real ones.
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
from jobs.ledger.store import Store


class Killer:
    """Counts the calls of one method, and kills the process at the given one."""

    def __init__(self, step: str) -> None:
        self._when, method, number = step.split(":")
        self.owner, self._method = method.split(".")
        self._left = int(number)

    def arm(self, owner: object) -> None:
        """Make the process kill itself before or after the method of `owner`."""
        setattr(owner, self._method, self._killing(getattr(owner, self._method)))

    def _killing(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def killed(*arguments: Any, **options: Any) -> Any:
            self._reach("before")
            result = await method(*arguments, **options)
            self._reach("after")
            return result

        return killed

    def _reach(self, when: str) -> None:
        if when != self._when:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class KilledLedger(Ledger):
    """A ledger with a method that kills the process."""

    def __init__(self, store: Store, **options: Any) -> None:
        super().__init__(store, **options)
        if KILLER.owner != "node":
            KILLER.arm(getattr(self, KILLER.owner))


class KilledNode(Node):
    """A node with a method that kills the process."""

    def __init__(self, call: Any) -> None:
        super().__init__(call)
        if KILLER.owner == "node":
            KILLER.arm(self)


class KilledService(Service):
    """The service with that ledger and that node."""

    def __init__(self, settings: Any) -> None:
        super().__init__(settings, ledger_class=KilledLedger, node_class=KilledNode)


if __name__ == "__main__":
    KILLER = Killer(sys.argv.pop(1))
    vars(serve)["Service"] = KilledService  # the command looks its service up by this name
    faucet.main()
