"""A supervisor of processes: starts them, restarts those that die, stops them in order."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

log = logging.getLogger("faucet.supervisor")

DELAY = 0.5  #: seconds before a process that died is restarted, doubled each time it dies early
MAX_DELAY = 30.0
STABLE_AFTER = 60.0  #: seconds after which a process counts as stable
STOP_TIMEOUT = 10.0  #: seconds between SIGTERM and SIGKILL

Process = asyncio.subprocess.Process
Start = Callable[[], Awaitable[Process]]


@dataclass(frozen=True, slots=True)
class Role:
    """A process to keep running."""

    name: str
    start: Start


class Supervisor:
    """Keeps the processes of all groups running, and stops the groups one after the other, the first one first."""

    def __init__(self, *groups: Sequence[Role], delay: float = DELAY) -> None:
        self._groups = groups
        self._delay = delay
        self._running: dict[Role, Process] = {}
        self._tasks: dict[Role, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Start every role, the last group first. Raises OSError."""
        for group in reversed(self._groups):
            for role in group:
                self._running[role] = await role.start()
                self._tasks[role] = asyncio.create_task(self._keep(role), name=role.name)

    async def stop(self) -> None:
        """Stop every process; a group is stopped once the one before it has ended."""
        for group in self._groups:
            await asyncio.gather(*(self._end(role) for role in group))

    async def _keep(self, role: Role) -> None:
        """Restart the process of `role` whenever it ends."""
        loop = asyncio.get_running_loop()
        delay = self._delay
        while True:
            began = loop.time()
            code = await self._running[role].wait()
            delay = self._delay if loop.time() - began > STABLE_AFTER else min(delay * 2, MAX_DELAY)
            fields = {"process": role.name, "code": code, "restart_in": f"{delay:.1f}"}
            log.error("process ended", extra={"fields": fields})
            await asyncio.sleep(delay)
            self._running[role] = await role.start()

    async def _end(self, role: Role) -> None:
        self._tasks[role].cancel()
        await asyncio.gather(self._tasks[role], return_exceptions=True)
        process = self._running[role]
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        ended = asyncio.create_task(process.wait())
        if not (await asyncio.wait({ended}, timeout=STOP_TIMEOUT))[0]:
            fields = {"process": role.name, "timeout": f"{STOP_TIMEOUT:g}"}
            log.error("process did not end, so it is killed", extra={"fields": fields})
            process.kill()
        await ended
