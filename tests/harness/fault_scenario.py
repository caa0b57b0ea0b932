"""What every fault must leave behind: each signup one account with its keys, paid once, and nothing else spent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.chain_totals import read_books
from tests.harness.flavours import has_results
from tests.harness.program import FAUCET, DevChainProgram, Faucet, dev_chain, keys_of, on_chain, wait_ready

REGISTRAR = "1.2.7"
PAYMENT = 150_000  #: satoshi, the initial balance
#: A node that says that it took a transaction, and loses it.
FORGET = {"on": "broadcast_transaction", "do": "forget"}
CLOCKED = "tests/harness/clocked_faucet.py"  #: faucet.py on a machine whose clock is wrong
PAYING = {"enable_initial_balance": True, "initial_balance": 1.5}


@dataclass
class Scenario:
    """A faucet that pays initial balances, its chain, and those who sign up."""

    chain: DevChainProgram
    service: Faucet
    balance: int  #: what the registrar was given so far, satoshi
    jobs: dict[str, str] = field(default_factory=dict)  #: ids of the jobs that were answered 200, by name

    async def sign_up(self, *names: str) -> None:
        """Sign up together; each is answered 200 at once, whatever is wrong with the chain."""
        replies = await asyncio.gather(*(self.service.sign_up(name) for name in names))
        assert [reply.status for reply in replies] == [200] * len(names)
        self.jobs |= {name: reply.body["job"]["id"] for name, reply in zip(names, replies, strict=True)}

    async def broadcast(self, *names: str) -> None:
        """Sign up, and return when all is on its way; from now on no block is made by the clock."""
        await self.chain.control("stall", True)
        await self.sign_up(*names)
        await self.reach("broadcast")

    async def reach(self, *states: str) -> None:
        """Return when every job is in one of `states`."""
        for job_id in self.jobs.values():
            await self.service.job(job_id, until=states)

    async def payable(self, lag: int) -> None:
        """Return when the accounts in a block may be paid: where `lag` blocks later that one is irreversible."""
        if not has_results():
            await self.reach("registered")
            await self.chain.control("produce", lag)

    async def told(self, check: str, words: str) -> None:
        """Return when operators read `words` at this check of /readyz, which fails."""
        while True:
            found = (await self.service.fetch("/readyz")).body["checks"][check]
            if not found["ok"] and words in found["text"]:
                return

    async def set_balance(self, satoshi: int) -> None:
        """Give the registrar another balance, while nothing of it is pending."""
        self.balance += satoshi - await self.chain.node.balance(REGISTRAR)
        await self.chain.control("set_balance", "faucet", satoshi)

    async def healed(self) -> None:
        """Return when all is well: every job has ended, and the chain has just what it should."""
        await wait_ready(self.service)
        jobs = {name: await self.service.job(job_id, until="done") for name, job_id in self.jobs.items()}
        books = await read_books(self.chain.node)
        assert books.ids == {name: job["account_id"] for name, job in jobs.items()}
        assert dict(books.registered) == dict.fromkeys(jobs, 1)
        assert dict(books.paid) == dict.fromkeys(books.ids.values(), 1)
        assert dict(books.amounts) == dict.fromkeys(books.ids.values(), PAYMENT)
        assert await self.chain.node.balance(REGISTRAR) == self.balance - books.spent
        for account in await self.chain.node.accounts(list(jobs)):
            assert account is not None
            assert account.active.keys == ((keys_of(account.name)["active_key"], 1),)


@contextlib.asynccontextmanager
async def healing(
    folder: Path,
    *options: str,
    node: tuple[str, ...] = FAUCET,
    script: tuple[str, ...] = FAUCET,
    urls: Callable[[str], list[str]] = lambda url: [url],
    fit: bool = True,
    **settings: Any,
) -> AsyncIterator[Scenario]:
    """A scene that must heal from what the block does to it: a dev chain with `options`, a faucet with `settings`.

    They are run by `node` and `script`; `urls` makes the list of nodes of the chain's address. The block begins when
    all is well, unless the node is not `fit` at first.
    """
    async with dev_chain(*options, script=node) as chain:
        service = Faucet(folder, on_chain(urls(chain.url), **{**PAYING, **settings}))
        scene = Scenario(chain, service, await chain.node.balance(REGISTRAR))
        await service.start(script=script)
        try:
            if fit:
                await wait_ready(service)
            yield scene
            await scene.healed()
        finally:
            await service.stop()
