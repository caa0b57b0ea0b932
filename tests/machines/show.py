"""What `make machines` shows: who accepts, who registers and where the ledger is, while one after the other dies."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.harness.balancer import Balancer, balancer
from tests.harness.engines import on_postgresql
from tests.harness.machines import Machine, machines
from tests.harness.patroni import QUICK, Cluster
from tests.harness.program import DevChainProgram, dev_chain
from tests.harness.steady_signups import SteadySignups, steady_signups
from tests.machines.records import Records
from tests.machines.view import View

NAMES = ("faucet-1", "faucet-2", "faucet-3")
CLIENTS = 3
REGISTRAR = "1.2.7"
SETTINGS: dict[str, Any] = {
    "restrict_ip": False,  # all clients are this computer
    "drain_interval": 1.0,
    "transaction_expiration": 30,
    "secret_key": "the same on all machines: a start ends the sessions of any other",
}
CHAIN = ("--block-interval", "1", "--irreversible-lag", "4")


class Show:
    """One run."""

    def __init__(self, folder: Path, cluster: Cluster, say: Callable[[str], None], seconds: float) -> None:
        """With so many `seconds` between what happens."""
        self._folder = folder
        self._cluster = cluster
        self._say = say
        self._seconds = seconds
        self._machines: list[Machine] = []

    async def run(self) -> list[str]:
        """Go through it all; the differences between the records at the end."""
        async with self._started() as (chain, front):
            balance = await chain.node.balance(REGISTRAR)
            async with steady_signups(front.fetch, clients=CLIENTS) as signups:
                watching = asyncio.create_task(self._watch(chain, signups))
                try:
                    await self._disturb()
                finally:
                    watching.cancel()
                    with suppress(asyncio.CancelledError):
                        await watching
                self._say("--- no more signups; waiting until the last account is irreversible")
            return await self._compare(Records(chain.node, self._folder, signups, balance))

    @asynccontextmanager
    async def _started(self) -> AsyncIterator[tuple[DevChainProgram, Balancer]]:
        self._say("starting a dev chain, three faucets, HAProxy and nginx")
        with on_postgresql(self._cluster):
            async with dev_chain(*CHAIN) as chain, machines(self._folder, chain, *NAMES, **SETTINGS) as every:
                self._machines = every
                async with balancer(self._folder, [machine.url for machine in every]) as front:
                    self._say(f"signups: https://localhost:{front.port}/api/v1/accounts")
                    for machine in every:
                        self._say(f"{machine.name}: {machine.url}/status")
                    yield chain, front

    async def _watch(self, chain: DevChainProgram, signups: SteadySignups) -> None:
        """A line a second."""
        view, started = View(chain.node, self._cluster, self._machines), time.monotonic()
        while True:
            self._say(f"{time.monotonic() - started:4.0f} s  {await view.line(signups)}")
            await asyncio.sleep(1)

    async def _disturb(self) -> None:
        await self._pause()
        await self._kill_owner()
        await self._kill_database()
        await self._switch_over()

    async def _kill_owner(self) -> None:
        owner = await self._owner()
        self._say(
            f"--- kill -9 of {owner.name}, which owns the chain: the next one sees at once that it is dead, as all are "
            "on this computer; on another machine it waits for the end of the lease (10 s)"
        )
        await owner.stop(signal.SIGKILL)
        await self._pause()
        self._say(f"--- {owner.name} is started again, and stands in line")
        await owner.start("--port", str(urlsplit(owner.url).port))
        await self._pause()

    async def _kill_database(self) -> None:
        primary = await asyncio.to_thread(self._cluster.whole)
        self._say(
            f"--- kill -9 of all processes of {primary.name}, the primary: the standby waits for the end of its lease "
            f"({QUICK['ttl']} s), and has every commit that was confirmed"
        )
        primary.kill()
        await asyncio.to_thread(self._cluster.primary)
        await self._pause()
        self._say(f"--- {primary.name} is started again, as the standby")
        primary.start()
        await asyncio.to_thread(self._cluster.whole)
        await self._pause()

    async def _switch_over(self) -> None:
        primary = await asyncio.to_thread(self._cluster.whole)
        self._say(f"--- switchover in order from {primary.name}, as before an upgrade of its machine")
        await asyncio.to_thread(self._cluster.switch_over)
        await self._pause()

    async def _owner(self) -> Machine:
        while True:
            name = (await self._machines[-1].owner())["machine"]
            for machine in self._machines:
                if machine.name == name:
                    return machine

    async def _pause(self) -> None:
        await asyncio.sleep(self._seconds)

    async def _compare(self, records: Records) -> list[str]:
        differences = await records.differences()
        for line in records.lines:
            self._say(line)
        for difference in differences:
            self._say(f"DIFFERENCE {difference}")
        if not differences:
            self._say("The three records agree: nothing lost, nothing registered or paid twice.")
        return differences
