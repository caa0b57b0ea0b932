"""Several faucets on one ledger, each with its own configuration, as on machines of their own."""

import asyncio
import contextlib
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Sequence
from itertools import chain as chain_of
from itertools import repeat
from pathlib import Path
from typing import Any

from tests.harness.chain_totals import ChainTotals, read_totals
from tests.harness.engines import Shell, location_of
from tests.harness.program import FAUCET, DevChainProgram, Faucet, Program, dev_chain, on_chain
from tests.harness.serving import turn

PAYING = {"enable_initial_balance": True, "initial_balance": 1.5}
PAYMENT = 150_000  #: satoshi, the initial balance
LOCK_TIMEOUT = 0.5  #: seconds that a machine which goes on may take for a transaction
LONG_LEASE = 60  #: seconds: whoever takes over within a test does not wait for its end


class Machine(Faucet):
    """A faucet with a name, on the ledger of its folder's parent."""

    def __init__(self, folder: Path, name: str, settings: dict[str, Any]) -> None:
        (folder / name).mkdir(exist_ok=True)
        self.settings = {"ledger": str(location_of(folder)), **settings, "machine": name}
        super().__init__(folder / name, self.settings)
        self.name = name

    async def start_chain(self) -> None:
        """Stand in line for the chain, serving no HTTP."""
        arguments = ("serve", "--config", str(self.config), "--role", "chain")
        self._program = await Program.start(*arguments, log=self.folder / "log", prefix=self.prefix)

    async def owner(self) -> dict[str, Any]:
        """Who owns the chain, as /readyz of this machine says."""
        owner: dict[str, Any] = (await self.fetch("/readyz")).body["owner"]
        return owner

    async def sees_owner(self, name: str | None, *, after: int = 0) -> int:
        """Return when it says that the machine `name` owns the chain, in an epoch later than `after`: that epoch."""
        while True:
            owner = await self.owner()
            if owner["machine"] == name and owner["epoch"] > after:
                return int(owner["epoch"])

    def send(self, number: int) -> None:
        """Send a signal to its process."""
        os.kill(self.pid, number)

    @property
    def runs(self) -> bool:
        """Whether its process has not ended."""
        return self._program is not None and self._program.runs

    async def stop(self, number: int = signal.SIGTERM) -> int:
        """End it, also while it is stopped; its exit code."""
        if self._program is not None and number != signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                self.send(signal.SIGCONT)
        return await super().stop(number)

    async def pause(self) -> None:
        """Stop its process, on SQLite between two transactions: in one, it would keep the lock."""
        ledger = location_of(self.folder.parent)
        while True:
            self.send(signal.SIGSTOP)
            if isinstance(ledger, str) or await asyncio.to_thread(_is_writable, ledger):
                return
            self.send(signal.SIGCONT)

    def log(self) -> str:
        """What it logged so far."""
        return (self.folder / "log").read_text()

    async def logged(self, words: str, count: int = 1) -> None:
        """Return when its log holds `words` so often."""
        while self.log().count(words) < count:
            await turn()


@contextlib.asynccontextmanager
async def machines(
    folder: Path, chain: DevChainProgram, *names: str, scripts: Sequence[tuple[str, ...]] = (), **settings: Any
) -> AsyncIterator[list[Machine]]:
    """Faucets named `names`, which start one after the other, so that the first one owns the chain.

    The first ones run as `scripts`.
    """
    every = [Machine(folder, name, {**on_chain(chain.url, **PAYING), **settings}) for name in names]
    async with contextlib.AsyncExitStack() as running:
        for machine, script in zip(every, chain_of(scripts, repeat(FAUCET)), strict=False):
            await machine.start(script=script)
            running.push_async_callback(machine.stop)
            await _owned(folder)
        yield every


async def _owned(folder: Path) -> None:
    """Return when the chain was owned, as the ledger in `folder` says: a machine that was stopped does not answer."""
    with contextlib.closing(Shell(folder)) as ledger:
        while not ledger.rows("SELECT 1 FROM ledger WHERE epoch > 0"):
            await turn()


def _is_writable(ledger: Path) -> bool:
    with contextlib.closing(sqlite3.connect(ledger, timeout=LOCK_TIMEOUT, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
    return True


async def sign_up(machine: Machine, *names: str) -> list[str]:
    """Sign up at once; the ids of the jobs."""
    replies = await asyncio.gather(*(machine.sign_up(name) for name in names))
    assert [reply.status for reply in replies] == [200] * len(names)
    return [reply.body["job"]["id"] for reply in replies]


async def done(machine: Machine, jobs: list[str]) -> None:
    """Return when all the jobs are done."""
    await asyncio.gather(*(machine.job(job, until="done") for job in jobs))


async def check_taken_over(folder: Path, step: str, **settings: Any) -> None:
    """Check that an owner stopped at the `step` of tests.harness.killed_faucet is taken over from, and writes no more.

    What it wrote ahead is sent by the next one too, and what it had not is signed by that one alone.
    """
    names = [f"stop-{number}" for number in range(3)]
    script = ("tests/harness/killed_faucet.py", step)
    async with dev_chain() as chain, machines(folder, chain, "ann", "bob", scripts=[script], **settings) as (ann, bob):
        balance = await chain.node.balance("1.2.7")
        jobs = await sign_up(bob, *names)
        assert await bob.sees_owner("bob") == 2
        await asyncio.gather(*(bob.job(job, until=("registered", "funding", "funded", "done")) for job in jobs))
        ann.send(signal.SIGCONT)
        await ann.logged('event="lease lost" owner=ann epoch=1')
        await done(bob, jobs)
        await check_totals(folder, chain, names, balance)


def recorded(folder: Path) -> set[str]:
    """The signatures of all transactions in the ledger in `folder`."""
    with contextlib.closing(Shell(folder)) as ledger:
        return {signature for (signature,) in ledger.rows("SELECT signature FROM transactions")}


async def sent(chain: DevChainProgram) -> set[str]:
    """The signatures of all transactions in the chain's blocks."""
    head = await chain.node.head()
    blocks = await chain.node.blocks(range(1, head.number + 1))
    return {signature for block in blocks for entry in block.transactions for signature in entry.signatures}


async def check_totals(folder: Path, chain: DevChainProgram, names: list[str], balance: int) -> ChainTotals:
    """Check that each of `names` was registered and paid once, and nothing else spent, of what the ledger knew."""
    totals = await read_totals(chain.node)
    assert dict(totals.registered) == dict.fromkeys(names, 1)
    assert dict(totals.paid) == {totals.ids[name]: 1 for name in names}
    assert dict(totals.amounts) == {totals.ids[name]: PAYMENT for name in names}
    assert await chain.node.balance("1.2.7") == balance - totals.spent
    assert await sent(chain) <= recorded(folder)
    return totals


async def taken(*every: Machine) -> None:
    """Return when each of the machines takes signups, as it tells a balancer."""
    for machine in every:
        while (await machine.fetch("/healthz/intake")).status != 200:
            """Asking is the waiting, as a balancer does."""
