"""The outcome after every fault: one account for each signup, with its keys, paid once, and nothing else spent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.harness.chain_totals import read_totals
from tests.harness.flavours import has_results
from tests.harness.program import FAUCET, DevChainProgram, Faucet, dev_chain, keys_of, on_chain, wait_ready

REGISTRAR = "1.2.7"
PAYMENT = 150_000  #: satoshi, the initial balance
#: A node that acknowledges a transaction and loses it.
FORGET = {"on": "broadcast_transaction", "do": "forget"}
CLOCKED = "tests/harness/clocked_faucet.py"  #: faucet.py on a machine whose clock is wrong
PAYING = {"enable_initial_balance": True, "initial_balance": 1.5}


@dataclass
class Scenario:
    """A faucet that pays initial balances, its chain, and its clients."""

    chain: DevChainProgram
    service: Faucet
    balance: int  #: what the registrar has received so far, satoshi
    jobs: dict[str, str] = field(default_factory=dict)  #: ids of the jobs that were answered 200, by name

    async def sign_up(self, *names: str) -> None:
        """Sign up concurrently; each is answered 200 at once, whatever is wrong with the chain."""
        replies = await asyncio.gather(*(self.service.sign_up(name) for name in names))
        assert [reply.status for reply in replies] == [200] * len(names)
        self.jobs |= {name: reply.body["job"]["id"] for name, reply in zip(names, replies, strict=True)}

    async def broadcast(self, *names: str) -> None:
        """Stall the chain, sign up, and return when all transactions are broadcast."""
        await self.chain.control("stall", True)
        await self.sign_up(*names)
        await self.reach("broadcast")

    async def pending(self, *names: str) -> None:
        """Return when the node has these accounts, even if no block does."""
        while None in await self.chain.node.accounts(list(names)):
            """The call is the wait."""

    async def reach(self, *states: str) -> None:
        """Return when every job is in one of `states`."""
        for job_id in self.jobs.values():
            await self.service.job(job_id, until=states)

    async def payable(self, lag: int) -> None:
        """Return when included accounts may be paid: without operation results, only `lag` blocks later."""
        if not has_results():
            await self.reach("registered")
            await self.chain.control("produce", lag)

    async def reported(self, check: str, words: str) -> None:
        """Return when this check of /readyz fails with `words`."""
        while True:
            result = (await self.service.fetch("/readyz")).body["checks"][check]
            if not result["ok"] and words in result["text"]:
                return

    async def set_balance(self, satoshi: int) -> None:
        """Change the registrar's balance while none of its transactions is pending."""
        self.balance += satoshi - await self.chain.node.balance(REGISTRAR)
        await self.chain.control("set_balance", "faucet", satoshi)

    async def recovered(self) -> None:
        """Return when every job is done; the chain must then hold exactly what the signups ask for."""
        await wait_ready(self.service)
        jobs = {name: await self.service.job(job_id, until="done") for name, job_id in self.jobs.items()}
        await self.chain.link.wait_connected()  # a node that was away may be back for the faucet first
        totals = await read_totals(self.chain.node)
        assert totals.ids == {name: job["account_id"] for name, job in jobs.items()}
        assert dict(totals.registered) == dict.fromkeys(jobs, 1)
        assert dict(totals.paid) == dict.fromkeys(totals.ids.values(), 1)
        assert dict(totals.amounts) == dict.fromkeys(totals.ids.values(), PAYMENT)
        assert await self.chain.node.balance(REGISTRAR) == self.balance - totals.spent
        for account in await self.chain.node.accounts(list(jobs)):
            assert account is not None
            assert account.active.keys == ((keys_of(account.name)["active_key"], 1),)


@contextlib.asynccontextmanager
async def fault_scenario(
    folder: Path,
    *options: str,
    node: tuple[str, ...] = FAUCET,
    script: tuple[str, ...] = FAUCET,
    urls: Callable[[str], list[str]] = lambda url: [url],
    fit: bool = True,
    **settings: Any,
) -> AsyncIterator[Scenario]:
    """A dev chain with `options` and a faucet with `settings`, which must recover from what the block does to them.

    They are run by `node` and `script`; `urls` makes the list of nodes of the chain's address. The block begins when
    the faucet is ready, unless the node is not `fit` at first.
    """
    async with dev_chain(*options, script=node) as chain:
        service = Faucet(folder, on_chain(urls(chain.url), **{**PAYING, **settings}))
        scenario = Scenario(chain, service, await chain.node.balance(REGISTRAR))
        await service.start(script=script)
        try:
            if fit:
                await wait_ready(service)
            yield scenario
            await scenario.recovered()
        finally:
            await service.stop()
