"""One run: machines, PostgreSQL, chain and links fail, everything recovers, the three records are compared."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.chaos.check import Records, differences
from tests.chaos.load import ENDED
from tests.chaos.machines.records import job_states, read_ledger
from tests.chaos.machines.schedule import FAILURES, OF_STANDBY, OWNER, disturbances, failures
from tests.chaos.machines.site import Scale, Site, site
from tests.chaos.outcome import Outcome, complaints, counts_of, reconciled
from tests.chaos.records import read_balance, read_chain
from tests.chaos.run import ENDED_TIMEOUT, PAYMENT, REGISTRAR
from tests.chaos.schedule import actions
from tests.harness.ledger_audit import Writes, strays
from tests.harness.program import wait_ready

SAY_INTERVAL = 10  #: disturbances of machines between two lines of progress
LOOK_INTERVAL = 2.0  #: seconds between two looks whether all jobs have ended
SLOWEST = 20  #: signups a second that end and are asked for after the disturbances, at the least


class MachinesRun:
    """Several faucets on one ledger, and their clients."""

    def __init__(self, folder: Path, *, seed: int, scale: Scale, say: Callable[[str], None] = lambda _: None) -> None:
        """`say` is given lines of progress."""
        self._folder = folder
        self._seed = seed
        self._scale = scale
        self._say = say
        self._started = time.monotonic()
        self._counts: Counter[str] = Counter()
        self._surprises: list[str] = []  # behaviour that none of our processes may show

    async def run(self) -> Outcome:
        """Run the schedule and compare the records."""
        async with site(self._folder, self._seed, self._scale) as here:
            balance = await read_balance(here.chain.url, REGISTRAR)
            await self._go_through(here)
            for machine in here.fleet:
                await machine.stop()
                self._surprises += [f"{machine.name}: {line}" for line in complaints(machine.folder / "log")]
            self._say(f"{self._elapsed()} s: comparing")
            self._surprises += [*here.machines.surprises, *await reconciled(here.desk.config, self._folder / "log")]
            records = Records(
                clients=here.load.clients,
                ledger=read_ledger(here.database),
                chain=await read_chain(here.chain.url, REGISTRAR),
                claimed=here.chain.claimed,
                payment=PAYMENT,
                balance=balance,
            )
            writes = here.audit.writes()
            self._count(here, records, writes)
        self._counts["seconds"] = self._elapsed()
        return Outcome(dict(self._counts), [*self._surprises, *strays(writes), *differences(records)])

    async def _go_through(self, here: Site) -> None:
        """Disturbances, then quiet, in which all jobs end."""
        await self._begin(here)
        async with asyncio.TaskGroup() as group:
            posting = group.create_task(self._post(here))
            await self._disturb(here, posting)
            self._say("disturbances are over; waiting for every job to end")
            await self._end(here, posting)
            posting.cancel()

    async def _begin(self, here: Site) -> None:
        """Bind the ledger to its chain before anything goes wrong: it belongs to the first one it meets."""
        for number, machine in enumerate(here.fleet):
            await machine.start()
            await wait_ready(machine)
            if number == 0:
                here.audit.install()
        here.load.serving.set()

    async def _post(self, here: Site) -> None:
        await here.load.run()
        self._counts["seconds until all were posted"] = self._elapsed()

    async def _disturb(self, here: Site, posting: asyncio.Task[None]) -> None:
        """Disturb machines, PostgreSQL and chain until there were enough disturbances and all signups are posted."""
        scale = self._scale
        share = -(-scale.signups // scale.disturbances)
        kinds = FAILURES + (OF_STANDBY if scale.standby else ())

        def enough(number: int) -> bool:
            here.load.release(share)
            if number % SAY_INTERVAL == 0:
                self._say(self._progress(here, number))
            if here.server.done.total() < len(kinds) + scale.standby:
                return False
            return number >= scale.disturbances and posting.done()

        over = asyncio.Event()
        others = [
            here.server.run(
                failures(self._seed, scale.database_pause, kinds),
                over.is_set,
                lambda: here.machines.done.total() > scale.disturbances / 2,
            ),
            here.chain.run(actions(self._seed, scale.chain_pause)),
        ]
        async with asyncio.TaskGroup() as disturbing:
            for other in others:
                disturbing.create_task(other)
            await here.machines.run(disturbances(self._seed, scale.machine_pause), enough)
            over.set()
            here.chain.enough = True

    async def _end(self, here: Site, posting: asyncio.Task[None]) -> None:
        """Return when every job has ended, or after the time that they have for it."""
        await here.chain.heal()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDED_TIMEOUT + self._scale.signups / SLOWEST):
                await posting
                await self._ended(here)
                await here.load.collect_ends()

    async def _ended(self, here: Site) -> None:
        """Return when every job has ended, also those whose clients never got a reply."""
        while waiting := {state: jobs for state, jobs in job_states(here.database).items() if state not in ENDED}:
            self._say(f"{self._elapsed()} s: {', '.join(f'{jobs} {state}' for state, jobs in waiting.items())}")
            await asyncio.sleep(LOOK_INTERVAL)
        self._say(f"{self._elapsed()} s: all jobs have ended")

    def _progress(self, here: Site, number: int) -> str:
        clients = here.load.clients
        answered = sum(bool(client.jobs) or client.exists for client in clients)
        disturbed = f"{number} disturbances of machines, {here.server.done.total()} of PostgreSQL"
        return f"{self._elapsed()} s: {disturbed}; {answered} of {self._scale.signups} signups answered"

    def _elapsed(self) -> int:
        return round(time.monotonic() - self._started)

    def _count(self, here: Site, records: Records, writes: list[Writes]) -> None:
        for part, done in (
            ("machine", here.machines.done),
            ("PostgreSQL", here.server.done),
            ("chain", here.chain.done),
        ):
            self._counts.update({f"{part}: {name}": times for name, times in sorted(done.items())})
        self._counts["machines disturbed"] = here.machines.done.total()
        self._counts["owners disturbed"] = sum(
            times for name, times in here.machines.done.items() if name.startswith(OWNER)
        )
        self._counts["epochs"] = here.audit.epoch()
        self._counts["epochs in which was written"] = len({each.epoch for each in writes})
        self._counts["statements of owners"] = sum(each.statements for each in writes)
        self._counts["statements of others"] = sum(each.statements for each in writes if each.writer != each.owner)
        self._counts.update(counts_of(records))
