"""A supervisor of processes: starts them, restarts those that die or hang, stops them in order."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from chain.cancellation import end_tasks
from commands import heartbeat
from commands.heartbeat import Heart
from jobs.errors import Code, FaucetError
from jobs.monitoring.metrics import Metrics

log = logging.getLogger("faucet.supervisor")

DELAY = 0.5  #: seconds before a process that died is restarted, doubled each time it dies early
MAX_DELAY = 30.0
STABLE_AFTER = 60.0  #: seconds after which a process counts as stable
STOP_TIMEOUT = 10.0  #: seconds between SIGTERM and SIGKILL
# Missed heartbeats are counted, not the time since the last one: that grows while the machine or all processes sleep.
SILENT_AFTER = 5  #: heartbeats missed in a row after which a process is said to be silent
HUNG_AFTER = 15  #: … after which it is killed
START_AFTER = 120  #: … where it has not sent its first one

REASONS = ("ended", "hung")  #: for which a process is started again


@dataclass(slots=True)
class Child:
    """A process that runs."""

    process: asyncio.subprocess.Process
    heart: Heart
    started: bool = False  #: it has sent a heartbeat
    missed: int = 0  #: heartbeats in a row
    hung: bool = False  #: it was killed for it

    @property
    def silent(self) -> bool:
        """Whether it hangs, as far as one can say by now."""
        return self.started and self.missed >= SILENT_AFTER


Start = Callable[[], Awaitable[Child]]


@dataclass(frozen=True, slots=True)
class Role:
    """A process to keep running."""

    name: str
    start: Start


class Supervisor:
    """Keeps the processes of all groups running, and stops the groups one after the other, the first one first."""

    def __init__(self, *groups: Sequence[Role], metrics: Metrics, delay: float = DELAY) -> None:
        self._groups = groups
        self._metrics = metrics
        self._delay = delay
        self._running: dict[Role, Child] = {}
        self._tasks: dict[Role, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Start every role, the last group first. Raises OSError."""
        for group in reversed(self._groups):
            for role in group:
                self._running[role] = await role.start()
                self._tasks[role] = asyncio.create_task(self._keep(role), name=role.name)
                for reason in REASONS:  # exported from 0 on, so that Prometheus sees the first one
                    self._metrics.process_restarts.labels(process=role.name, reason=reason)
        self._watch = asyncio.create_task(self._watch_heartbeats(), name="heartbeats")

    async def check(self) -> None:
        """Raises FaucetError `internal` while a process hangs."""
        for role, child in self._running.items():
            if child.silent:
                raise FaucetError(Code.INTERNAL, f"The process {role.name} hangs.")

    async def reload(self) -> None:
        """Let every process read again what may change while it runs."""
        for child in self._running.values():
            # One that has just begun would die of the signal, and reads everything anyway.
            if child.started and child.process.returncode is None:
                child.process.send_signal(signal.SIGHUP)

    async def stop(self) -> None:
        """Stop every process; a group is stopped once the one before it has ended."""
        self._watch.cancel()
        for group in self._groups:
            await asyncio.gather(*(self._end(role) for role in group))

    async def _keep(self, role: Role) -> None:
        """Restart the process of `role` whenever it ends."""
        loop = asyncio.get_running_loop()
        delay = self._delay
        while True:
            began, child = loop.time(), self._running[role]
            code = await child.process.wait()
            child.heart.close()
            delay = self._delay if loop.time() - began > STABLE_AFTER else min(delay * 2, MAX_DELAY)
            reason = "hung" if child.hung else "ended"
            self._metrics.process_restarts.labels(process=role.name, reason=reason).inc()
            fields = {"process": role.name, "code": code, "restart_in": f"{delay:.1f}"}
            log.error("process ended", extra={"fields": fields})
            await asyncio.sleep(delay)
            self._running[role] = await self._start_again(role)

    async def _start_again(self, role: Role) -> Child:
        while True:
            try:
                return await role.start()
            except OSError as error:  # such as no memory, or no more processes
                log.error("process not started", extra={"fields": {"process": role.name, "reason": error}})  # noqa: TRY400  # the system's reason says all
                await asyncio.sleep(MAX_DELAY)

    async def _watch_heartbeats(self) -> None:
        """Kill processes that hang, so that they are started again."""
        while True:
            await asyncio.sleep(heartbeat.INTERVAL)
            for role, child in self._running.items():
                if child.process.returncode is None and not child.hung:
                    _watch_heartbeat(role, child)

    async def _end(self, role: Role) -> None:
        await end_tasks([self._tasks[role]])
        child = self._running[role]
        if child.process.returncode is None:
            child.process.send_signal(signal.SIGTERM)
        ended = asyncio.create_task(child.process.wait())
        if not (await asyncio.wait({ended}, timeout=STOP_TIMEOUT))[0]:
            fields = {"process": role.name, "timeout": f"{STOP_TIMEOUT:g}"}
            log.error("process did not end, so it is killed", extra={"fields": fields})
            child.process.kill()
        await ended
        child.heart.close()


def _watch_heartbeat(role: Role, child: Child) -> None:
    if child.heart.heard():
        child.started, child.missed = True, 0
        return
    child.missed += 1
    fields = {"process": role.name, "heartbeats_missed": child.missed}
    if child.missed >= (HUNG_AFTER if child.started else START_AFTER):
        child.hung = True
        child.process.kill()
        log.error("process hangs, so it is killed and started again", extra={"fields": fields})
    elif child.silent and child.missed == SILENT_AFTER:
        # Whoever blocks the log blocks the processes, and with this line the supervisor too, until they can go on.
        log.warning("process is silent", extra={"fields": fields})
