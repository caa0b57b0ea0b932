"""Disturbances of the machines and of PostgreSQL. Public methods, but for run and mend, are those of a schedule."""

import asyncio
import contextlib
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from tests.chaos.machines.schedule import OWNER, Disturbance, Failure
from tests.harness.ledger_audit import LedgerAudit
from tests.harness.networks import Link
from tests.harness.postgresql import Server
from tests.harness.remote_machines import RemoteMachine
from tests.harness.standby import Standby

AT_ONCE = 2  #: machines that are disturbed at a time: one is left
LOOK_INTERVAL = 0.1  #: seconds between two looks for the owner
LOOKS = 80  #: … for one that nothing is done to at the moment; then any machine will do
TAKE_OVER_DELAY = 0.5  #: seconds that commits wait for a standby that takes over then
RESTART_DELAY = 0.2  #: seconds until a machine that did not start is started again, as systemd does


class MachineDisturbances:
    """Machines, and what is done to them."""

    def __init__(self, machines: Sequence[RemoteMachine], audit: LedgerAudit, seed: int) -> None:
        self._machines = machines
        self._audit = audit
        self._rng = random.Random(f"targets {seed}")  # noqa: S311  # chance, not secrecy
        self._disturbed: set[str] = set()
        self.done: Counter[str] = Counter()  #: how often each was done, and to whom
        self.surprises: list[str] = []  #: what none of the machines may do

    async def run(self, stream: Iterator[Disturbance], enough: Callable[[int], bool]) -> None:
        """Disturb until it is `enough`, which is asked with the number of disturbances so far."""
        free = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as running:
            for number, disturbance in enumerate(stream):
                if enough(number):
                    return
                await asyncio.sleep(disturbance.after)
                await free.acquire()
                machine, target = await self._pick(disturbance.target)
                self._disturbed.add(machine.name)
                task = running.create_task(self._disturb(machine, target, disturbance))
                task.add_done_callback(lambda _: free.release())

    async def _pick(self, wanted: str) -> tuple[RemoteMachine, str]:
        """A machine that nothing is done to: the owner, if that is wanted and there is one; and what it is."""
        for _ in range(LOOKS):
            owner = await self._audit.owner()
            left = [machine for machine in self._machines if machine.name not in self._disturbed]
            chosen = [machine for machine in left if (machine.name == owner) is (wanted == OWNER)]
            if chosen:
                return self._rng.choice(chosen), wanted
            await asyncio.sleep(LOOK_INTERVAL)
        return self._rng.choice(left), "any"

    async def _disturb(self, machine: RemoteMachine, target: str, disturbance: Disturbance) -> None:
        method = getattr(self, disturbance.name)
        name = f"{disturbance.name} {' and '.join(disturbance.links)}".replace("_", " ").strip()
        await method(machine, disturbance)
        self.done[f"{target}: {name}"] += 1
        if not machine.runs:
            self.surprises.append(f"{machine.name} ended after {disturbance}")
        self._disturbed.discard(machine.name)

    async def kill(self, machine: RemoteMachine, disturbance: Disturbance) -> None:
        """Kill it; it is started again later."""
        await self._end(machine, signal.SIGKILL, -signal.SIGKILL)
        await asyncio.sleep(disturbance.seconds)
        await self.start(machine)

    async def terminate(self, machine: RemoteMachine, disturbance: Disturbance) -> None:
        """End it in order; it is started again later."""
        await self._end(machine, signal.SIGTERM, 0)
        await asyncio.sleep(disturbance.seconds)
        await self.start(machine)

    async def _end(self, machine: RemoteMachine, number: int, expected: int) -> None:
        code = await machine.stop(number)
        if code != expected:
            self.surprises.append(f"{machine.name} ended with {code} instead of {expected}")

    async def freeze(self, machine: RemoteMachine, disturbance: Disturbance) -> None:
        """Stop its process for a while."""
        machine.send(signal.SIGSTOP)
        await asyncio.sleep(disturbance.seconds)
        machine.send(signal.SIGCONT)

    async def freeze_amid_a_transaction(self, machine: RemoteMachine, disturbance: Disturbance) -> None:
        """The same, while it has the turn to write."""
        await self._audit.answered(machine.pause_amid_a_transaction)
        await asyncio.sleep(disturbance.seconds)
        machine.send(signal.SIGCONT)

    async def cut(self, machine: RemoteMachine, disturbance: Disturbance) -> None:
        """Cut links of it for a while."""
        for link in disturbance.links:
            machine.host.cut(link)
        await asyncio.sleep(disturbance.seconds)
        for link in disturbance.links:
            machine.host.mend(link)

    async def start(self, machine: RemoteMachine) -> None:
        """Start it, as often as it takes while there is no ledger."""
        while True:
            await machine.start()
            if machine.url:
                return
            if (code := await machine.ended()) != 1:
                self.surprises.append(f"{machine.name} did not start: exit code {code}")
            await asyncio.sleep(RESTART_DELAY)

    def mend(self) -> None:
        """Undo what is left, if a run ended before its time."""
        for machine in self._machines:
            for link in Link:
                machine.host.mend(link)


class DatabaseDisturbances:
    """PostgreSQL, and what is done to it."""

    def __init__(self, server: Server, standby: Standby | None, audit: LedgerAudit) -> None:
        self._server = server
        self._standby = standby
        self._audit = audit
        self.done: Counter[str] = Counter()  #: how often each was done

    async def run(self, stream: Iterator[Failure], enough: Callable[[], bool], half: Callable[[], bool]) -> None:
        """Disturb until it is `enough`; once that is `half` over, the standby takes over."""
        for failure in stream:
            await asyncio.sleep(failure.after)
            if half() and self._standby is not None:
                await self._take_over(self._standby)
            if enough():
                return
            await getattr(self, failure.name)(failure.seconds)
            self.done[failure.name.replace("_", " ")] += 1

    async def crash(self, _: float) -> None:
        """Kill all of it; it recovers."""
        await asyncio.to_thread(self._server.kill)
        self._server.launch()  # here: it ends with the thread that starts it
        await asyncio.to_thread(self._server.wait_until_it_answers)

    async def lose_session(self, _: float) -> None:
        """Kill the process of a session of the chain's owner: all others end, and it recovers."""
        owner = await self._audit.owner()
        process = await self._audit.session_of(owner or "")
        if process is not None:
            await asyncio.to_thread(self._server.lose, process)

    async def freeze(self, seconds: float) -> None:
        """Let all of it stand still."""
        with self._server.frozen():
            await asyncio.sleep(seconds)

    async def freeze_standby(self, seconds: float) -> None:
        """Let all commits wait for a standby that stands still, if there is one."""
        with contextlib.nullcontext() if self._standby is None else self._standby.frozen():
            await asyncio.sleep(seconds)

    async def _take_over(self, standby: Standby) -> None:
        """Kill the primary, amid commits that wait for a frozen standby, and promote that: there is none then."""
        with standby.frozen():
            await asyncio.sleep(TAKE_OVER_DELAY)
            await asyncio.to_thread(self._server.kill)
        await asyncio.to_thread(standby.promote)
        self._server, self._standby = standby, None
        self.done["standby frozen, then promoted"] += 1
