"""The registration stage of a drain: queued jobs become account_create operations on their way."""

import asyncio
import logging
from collections.abc import Sequence

from chain.keys import key_prefix
from chain.node import Node
from jobs.batch import Candidate, Reason, affordable, before_fee_step, fill, judge, sizes_of
from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.metrics import Metrics
from jobs.model import Job, Kind
from jobs.sender import Group, Sender
from jobs.situation import Situation
from jobs.terms import is_ours

log = logging.getLogger("faucet.registering")


def _foreign(prefix: str) -> Reason:
    return (Code.INVALID_KEY, f"The keys must begin with {prefix}, this chain's prefix.")


EXISTS = (Code.ACCOUNT_EXISTS, "Account exists")


class Registering:
    """Registers what is queued, in as few transactions as the chain allows."""

    def __init__(self, *, node: Node, ledger: Ledger, sender: Sender, metrics: Metrics) -> None:
        self._node = node
        self._ledger = ledger
        self._sender = sender
        self._metrics = metrics

    async def register(self, queued: Sequence[Job], situation: Situation) -> str | None:
        """Send what can be sent of `queued`; the obstacle that the node named on the way, or None."""
        own = await self._fail_foreign(queued, situation)
        free = await self._settle_known(own, situation)
        candidates = await self._candidates(free, situation)
        groups = fill(candidates, situation.parameters.maximum_transaction_size)
        obstacles = [await self._send(groups, situation)] if groups else []
        return next((obstacle for obstacle in obstacles if obstacle), None)

    async def _fail_foreign(self, queued: Sequence[Job], situation: Situation) -> list[Job]:
        """The jobs with keys of this chain; others were accepted before a chain was met, and can't be built."""
        prefix = situation.identity.prefix
        own = [job for job in queued if all(key_prefix(key) == prefix for key in job.signup.keys)]
        numbers = {job.number for job in own}
        foreign = {job.number: _foreign(prefix) for job in queued if job.number not in numbers}
        if foreign:
            await self._ledger.fail(foreign)
        return own

    async def _settle_known(self, queued: Sequence[Job], situation: Situation) -> list[Job]:
        """The jobs whose name the chain does not have; of the others, those with their own keys are ours."""
        found = {job.number: situation.accounts.get(job.signup.name) for job in queued}
        ours = {
            job.number: account.id
            for job in queued
            if (account := found[job.number]) is not None and is_ours(job.signup, account, situation.settings)
        }
        taken = {number: EXISTS for number, account in found.items() if account is not None and number not in ours}
        if ours:
            # What a node reads includes what is pending: it is in a block by the next one at the latest.
            await self._ledger.adopt(ours, situation.head.number + 1)
        if taken:
            await self._ledger.fail(taken)
        return [job for job in queued if found[job.number] is None]

    async def _candidates(self, jobs: Sequence[Job], situation: Situation) -> Sequence[Candidate]:
        """What may be sent now: before the fee steps up, under the ceiling, and paid for."""
        parameters = situation.parameters
        room = before_fee_step(
            situation.head.accounts_registered,
            parameters.accounts_per_fee_scale,
            parameters.account_fee_scale_bitshifts,
        )
        chosen = jobs if room is None else jobs[:room]
        if not chosen:
            return []
        operations = [
            situation.terms.operation(job.signup, situation.referrer_id(job.signup.referrer)) for job in chosen
        ]
        fees = await self._node.required_fees(operations)
        sizes = await asyncio.to_thread(sizes_of, operations, situation.identity.prefix)
        candidates = [
            Candidate(job, operation, size, fee, fee)
            for job, operation, size, fee in zip(chosen, operations, sizes, fees, strict=True)
            if not situation.fee_is_too_high(fee)
        ]
        return affordable(candidates, situation.balance)

    async def _send(self, groups: Sequence[Group], situation: Situation) -> str | None:
        """Send `groups`, and after refusals what can go again at once; the obstacle met, if any."""
        obstacle = None
        while groups:
            self._observe(groups)
            refused = await self._sender.send(Kind.REGISTRATION, groups, situation, situation.reference)
            again: list[Group] = []
            for transaction, group, refusal in refused:
                verdict = judge(group, refusal)
                if verdict.known:
                    continue
                log.warning("transaction=%s refused cause=%s jobs=%d", transaction.id, refusal.cause, len(group))
                await self._ledger.refuse(transaction, guilty=verdict.guilty, counted=verdict.counted)
                again += verdict.again
                obstacle = obstacle or verdict.obstacle
            groups = again
        return obstacle

    def _observe(self, groups: Sequence[Group]) -> None:
        for group in groups:
            self._metrics.batch_accounts.observe(len(group))
