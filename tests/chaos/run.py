"""One run: everything goes wrong, everything recovers, the three records are compared."""

import asyncio
import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.chaos.check import Records, differences
from tests.chaos.disturbances import Disturbances
from tests.chaos.load import ENDED, Load
from tests.chaos.outcome import Outcome, complaints, counts_of, reconciled
from tests.chaos.records import read_balance, read_chain, read_ledger
from tests.chaos.schedule import Life, actions, lives, wishes
from tests.chaos.schedule import lies as lie_actions
from tests.harness.program import Faucet, dev_chain, on_chain

REGISTRAR = "1.2.7"
PAYMENT = 150_000  #: satoshi, the initial balance
SETTINGS = {
    "enable_initial_balance": True,
    "initial_balance": 1.5,
    "max_account_fee": 100,
    "daily_budget": 9_000_000,  # a hundred thousand signups, and what a liar says of fees and balances
    "node_timeout": 1,
    "transaction_expiration": 15,
}
AMONG_STRANGERS: dict[str, list[str]] = {"own_nodes": []}  #: two nodes, both strangers
ENDED_TIMEOUT = 240  #: seconds that the jobs have to end once nothing goes wrong any more
SAY_INTERVAL = 10  #: lives between two lines of progress


class Run:
    """A faucet and its clients, its chain, and another chain, which it must not mistake for its own."""

    def __init__(
        self,
        folder: Path,
        *,
        seed: int,
        kills: int,
        signups: int,
        lies: bool = False,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """With `lies` one of two nodes, both strangers, lies now and then."""
        self._ledger = folder / "faucet.db"
        self._log = folder / "log"
        self._lives = lives(seed, kills)
        self._actions = actions(seed)
        self._lies = lie_actions(seed) if lies else None
        self._signups = signups
        self._say = say
        self._service = Faucet(folder, {})
        self._load = Load(self._service, wishes(seed, signups))
        self._chain = Disturbances(folder / "chain.journal", self._load.upcoming, lies=lies)
        self._counts: Counter[str] = Counter()
        self._surprises: list[str] = []  # behaviour that none of our processes may show

    async def run(self) -> Outcome:
        """Run the schedule and compare the records."""
        started = time.monotonic()
        async with dev_chain() as foreign, self._chain:
            settings = on_chain([*self._chain.urls, foreign.url], **SETTINGS)
            settings |= AMONG_STRANGERS if self._lies is not None else {}
            self._service.config.write_text(json.dumps(settings))
            balance = await read_balance(self._chain.url, REGISTRAR)
            try:
                await self._go_through()
            finally:
                await self._service.stop()
            self._surprises += await reconciled(self._service.config, self._log)
            records = Records(
                clients=self._load.clients,
                ledger=read_ledger(self._ledger),
                chain=await read_chain(self._chain.url, REGISTRAR),
                claimed=self._chain.claimed,
                payment=PAYMENT,
                balance=balance,
            )
            if (await read_chain(foreign.url, REGISTRAR)).blocks:
                self._surprises.append("something was sent to another chain")
        self._count(records)
        self._counts["seconds"] = round(time.monotonic() - started)
        return Outcome(dict(self._counts), [*self._surprises, *complaints(self._log), *differences(records)])

    async def _go_through(self) -> None:
        """Lives among disturbances, then a quiet one in which all jobs end."""
        await self._first_life()
        async with asyncio.TaskGroup() as group:
            posting = group.create_task(self._load.run())
            disturbing = [
                group.create_task(self._chain.run(actions)) for actions in (self._actions, self._lies) if actions
            ]
            for number, life in enumerate(self._lives, start=1):
                self._load.release(self._signups // len(self._lives))
                await self._live(life)
                if number % SAY_INTERVAL == 0:
                    self._say(self._progress(number))
            self._chain.enough = True
            await asyncio.wait(disturbing)
            await self._last_life(posting)
            posting.cancel()

    async def _first_life(self) -> None:
        """Bind the ledger to its chain before anything goes wrong: it belongs to the first one it meets."""
        await self._service.start()
        while not (await self._service.fetch("/readyz")).body["ready"]:
            """Asking is the waiting."""
        await self._service.stop()

    async def _live(self, life: Life) -> None:
        script = ("faucet.py",) if life.step is None else ("tests/harness/killed_faucet.py", life.step)
        await self._service.start(script=script)
        if self._service.url:  # else it is dead already
            self._load.serving.set()
        ending = asyncio.create_task(self._service.ended())
        await asyncio.wait({ending}, timeout=life.seconds)
        self._counts["killed at a named step"] += ending.done()
        with contextlib.suppress(ProcessLookupError):  # it died this moment
            os.kill(self._service.pid, life.signal)
        code = await ending
        self._load.serving.clear()
        in_order = life.signal is signal.SIGTERM
        self._counts["ended by SIGTERM" if in_order else "killed"] += 1
        if code != (0 if in_order else -signal.SIGKILL):
            self._surprises.append(f"the faucet ended with {code} after {life}")

    async def _last_life(self, posting: asyncio.Task[None]) -> None:
        """Post the remaining signups and wait for every job to end, up to ENDED_TIMEOUT."""
        await self._chain.heal()
        await self._service.start()
        self._load.serving.set()
        self._load.release(self._signups)
        self._say("disturbances are over; waiting for every job to end")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDED_TIMEOUT):
                await posting
                await self._load.collect_ends()
                for job in read_ledger(self._ledger).jobs:
                    if job["state"] not in ENDED:  # its client never got a reply
                        await self._load.end(job["id"])

    def _progress(self, number: int) -> str:
        answered = sum(bool(client.jobs) or client.exists for client in self._load.clients)
        states = Counter(job["state"] for job in read_ledger(self._ledger).jobs)
        by_state = ", ".join(f"{jobs} {state}" for state, jobs in states.most_common())
        return f"life {number} of {len(self._lives)}: {answered} of {self._signups} answered; {by_state}"

    def _count(self, records: Records) -> None:
        self._counts.update({f"chain: {name}": times for name, times in sorted(self._chain.done.items())})
        if self._lies is not None:
            self._counts["calls answered by lies"] = self._chain.lied
        self._counts.update(counts_of(records))
