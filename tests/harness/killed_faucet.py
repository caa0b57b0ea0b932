"""The faucet, killed or stopped at a named step of a job's path.

The first argument names the step: before or after, a method of a part of the ledger or of the node, and which call,
such as after:drain.record_signed:2 or before:node.broadcast:1; and at its end the signal, if it is not SIGKILL, such as
:SIGSTOP. That one is sent between two transactions: who is stopped amid one keeps SQLite's lock. On PostgreSQL a step
may also be amid the transaction of a method, before its commit. The rest is the command line of faucet.py. All parts
are the real ones.
"""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import faucet
from chain.node import Node
from commands import serve
from commands.service import Service
from jobs.ledger import Ledger
from jobs.ledger.store import Store

if TYPE_CHECKING:
    from jobs.ledger.postgresql.link_thread import LinkThread
    from jobs.ledger.thread import ConnectionThread


class Killer:
    """Counts the calls of one method, and sends the process the signal at the given one."""

    def __init__(self, step: str) -> None:
        self._when, method, number, *named = step.split(":")
        self._signal = signal.Signals[named[0]] if named else signal.SIGKILL
        self.owner, self._method = method.split(".")
        self._left = int(number)
        self._amid = False  # whether the transaction that is next to be committed is the one
        self.writer: ConnectionThread | LinkThread | None = None  #: the thread of the ledger's transactions

    def arm(self, owner: object) -> None:
        """Make the process kill itself before or after the method of `owner`."""
        setattr(owner, self._method, self._killing(getattr(owner, self._method)))

    def interrupt(self, engine: Any) -> None:
        """Make the process kill itself amid the method's transaction, once its statements are done."""
        run = engine.run

        async def interrupted(step: Callable[..., Any]) -> Any:
            return await run(partial(self._step, step))

        engine.run = interrupted

    def _step(self, step: Callable[..., Any], *arguments: Any) -> Any:
        result = step(*arguments)
        if self._amid:
            self._amid = False
            self._send()
        return result

    def _killing(self, method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def killed(*arguments: Any, **options: Any) -> Any:
            await self._reach("before")
            self._amid = self._is_due("amid")
            result = await method(*arguments, **options)
            await self._reach("after")
            return result

        return killed

    async def _reach(self, when: str) -> None:
        if not self._is_due(when):
            return
        if self.writer is None or self._signal is signal.SIGKILL:
            self._send()
        else:
            await self.writer.run(self._send)

    def _is_due(self, when: str) -> bool:
        if when == self._when:
            self._left -= 1
        return when == self._when and self._left == 0

    def _send(self) -> None:
        os.kill(os.getpid(), self._signal)


class KilledLedger(Ledger):
    """A ledger with a method that kills the process."""

    def __init__(self, store: Store, **options: Any) -> None:
        super().__init__(store, **options)
        engine = vars(store)["_engine"]
        KILLER.writer = vars(engine)["_thread"]
        KILLER.interrupt(engine)
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
