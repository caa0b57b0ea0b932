"""Compares the three records: what clients were answered, what the ledger holds, what the chain holds."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from chain.node import Node
from tests.harness.chain_totals import ChainTotals, read_totals
from tests.harness.engines import Shell
from tests.harness.machines import PAYMENT
from tests.harness.steady_signups import SteadySignups

JOBS = "SELECT name, state FROM jobs"
REGISTRAR = "1.2.7"


class Records:
    """Of one run, once all its jobs are done."""

    def __init__(self, node: Node, folder: Path, signups: SteadySignups, balance: int) -> None:
        """The ledger is that of `folder`; `balance` is the registrar's before the first signup, satoshi."""
        self._node = node
        self._folder = folder
        self._signups = signups
        self._balance = balance
        self.lines: list[str] = []  #: a summary of each

    async def differences(self) -> list[str]:
        """A sentence for each entry that is missing, surplus or different."""
        totals = await read_totals(self._node)
        jobs = await asyncio.to_thread(self._jobs)
        spent = self._balance - await self._node.balance(REGISTRAR)
        self.lines = [
            f"clients: {len(self._signups.jobs)} signups were answered with 200",
            f"ledger:  {jobs.total()} jobs, {sum(count for (_, state), count in jobs.items() if state == 'done')} done",
            f"chain:   {totals.registered.total()} accounts, {totals.paid.total()} initial balances",
        ]
        return [*self._of_ledger(jobs), *self._of_chain(totals), *_of_balance(totals, spent)]

    def _jobs(self) -> Counter[tuple[str, str]]:
        with closing(Shell(self._folder)) as ledger:
            return Counter((name, state) for name, state in ledger.rows(JOBS))

    def _of_ledger(self, jobs: Counter[tuple[str, str]]) -> Iterator[str]:
        wanted = Counter((name, "done") for name in self._signups.jobs)
        for name, state in jobs - wanted:
            yield f"{name}: {state} in the ledger, and no client was answered so"
        for name, _ in wanted - jobs:
            yield f"{name}: answered with 200, and not done in the ledger"

    def _of_chain(self, totals: ChainTotals) -> Iterator[str]:
        for name in totals.registered.keys() | self._signups.jobs.keys():
            account, wanted = totals.ids.get(name), int(name in self._signups.jobs)
            if totals.registered[name] != wanted:
                yield f"{name}: registered {totals.registered[name]} times, answered {wanted} times"
            elif account is not None and (totals.paid[account], totals.amounts[account]) != (1, PAYMENT):
                yield f"{name}: paid {totals.paid[account]} times, {totals.amounts[account]} satoshi"


def _of_balance(totals: ChainTotals, spent: int) -> Iterator[str]:
    if spent != totals.spent:
        yield f"the registrar spent {spent} satoshi, its accounts and initial balances cost {totals.spent}"
