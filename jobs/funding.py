"""The funding stage of a drain: new accounts get their initial balance, exactly once."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from chain.node import Node
from chain.transactions import Reference, transfer
from jobs.batch import Candidate, affordable, fill, sizes_of
from jobs.ledger import Ledger
from jobs.model import Job, Kind
from jobs.sender import Sender
from jobs.situation import Situation


class Funding:
    """Pays initial balances.

    A transfer can be repeated where a name can't, so a node's refusal frees nothing here: only when a
    transfer can never be in a block any more (the tracker knows) is its job paid by another one.
    """

    def __init__(self, *, node: Node, ledger: Ledger, sender: Sender) -> None:
        self._node = node
        self._ledger = ledger
        self._sender = sender

    async def fund(self, unfunded: Sequence[Job], situation: Situation) -> int:
        """Sign and send the initial balances of `unfunded`; what they cost together, satoshi."""
        last = await self._ledger.last_block()
        if not unfunded or last is None:
            return 0
        candidates = affordable(await self._candidates(unfunded, situation), situation.balance)
        # The last block followed is the accounts' own or a later one: the transfer dies with it, and can't
        # pay whoever is given the account's id after a fork.
        groups = fill(candidates, situation.parameters.maximum_transaction_size)
        if groups:
            await self._sender.send(Kind.FUNDING, groups, situation, Reference(*last))
        return sum(candidate.cost for candidate in candidates)

    async def _candidates(self, unfunded: Sequence[Job], situation: Situation) -> list[Candidate]:
        amounts = [situation.identity.satoshi(Decimal(job.initial_balance or 0)) for job in unfunded]
        operations = [
            transfer(sender=situation.registrar.id, receiver=job.account_id or "", amount=amount)
            for job, amount in zip(unfunded, amounts, strict=True)
        ]
        fees = await self._node.required_fees(operations)
        sizes = await asyncio.to_thread(sizes_of, operations, situation.identity.prefix)
        return [
            Candidate(job, operation, size, fee, fee + amount)
            for job, operation, size, fee, amount in zip(unfunded, operations, sizes, fees, amounts, strict=True)
        ]
