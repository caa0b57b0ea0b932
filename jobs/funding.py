"""The funding stage of a drain: new accounts get their initial balance, exactly once."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from chain.node import Node
from chain.transactions import Reference, transfer
from jobs.batch import Candidate, affordable, fill, sizes_of
from jobs.model import Job, Kind, Unfunded
from jobs.sender import Sender
from jobs.situation import Situation


class Funding:
    """Pays initial balances.

    A transfer can be repeated where a name can't, so a node's refusal frees nothing here: only when a
    transfer can never be in a block any more (the tracker knows) is its job paid by another one.
    """

    def __init__(self, *, node: Node, sender: Sender) -> None:
        self._node = node
        self._sender = sender

    async def fund(self, unfunded: Unfunded, situation: Situation) -> int:
        """Sign and send the initial balances of `unfunded`; what they cost together, satoshi."""
        if unfunded.last_block is None:
            return 0
        candidates = affordable(await self._candidates(unfunded.jobs, situation), situation.balance)
        # The last block that was followed when the accounts' ids were read is their own or a later one: the
        # transfer dies with it, and can't pay whoever is given an account's id after a fork.
        reference = Reference(*unfunded.last_block)
        groups = fill(candidates, situation.parameters.maximum_transaction_size)
        if groups:
            await self._sender.send(Kind.FUNDING, groups, situation, reference)
        return sum(candidate.cost for candidate in candidates)

    async def _candidates(self, jobs: Sequence[Job], situation: Situation) -> list[Candidate]:
        amounts = [situation.identity.satoshi(Decimal(job.initial_balance or 0)) for job in jobs]
        operations = [
            transfer(sender=situation.registrar.id, receiver=job.account_id or "", amount=amount)
            for job, amount in zip(jobs, amounts, strict=True)
        ]
        fees = await self._node.required_fees(operations)
        sizes = await asyncio.to_thread(sizes_of, operations, situation.identity.prefix)
        return [
            Candidate(job, operation, size, fee, fee + amount)
            for job, operation, size, fee, amount in zip(jobs, operations, sizes, fees, amounts, strict=True)
        ]
