"""The registration stage of a drain: queued jobs become account_create operations on their way."""

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from chain.errors import LinkError, Refused
from chain.keys import KEY_DIGITS
from chain.names import name_problem
from chain.node import Account, Node
from chain.refusals import Refusal
from jobs.drain.batch import RefusalPlan, cost_of, handle_refusal, pack_transactions
from jobs.drain.context import DrainContext
from jobs.drain.evidence import Evidence
from jobs.drain.pricing import RETRY_DELAY, Pricing
from jobs.drain.sender import Broadcasts, Group, RefusedGroup, Sender
from jobs.errors import Code
from jobs.ledger.drain import DrainQueue, Reason
from jobs.ledger.store import MAX_JOBS, parts_of
from jobs.model.job import Job
from jobs.model.transaction import Kind, Transaction
from jobs.monitoring.metrics import Metrics
from jobs.nodes.confirmation import ConfirmedChain
from jobs.template import is_ours

log = logging.getLogger("faucet.registering")

MAX_HALVINGS = 20  #: … before a batch is not halved any more to find a bad signup

EXISTS = (Code.ACCOUNT_EXISTS, "Account exists")
DISAGREE = "Two nodes disagree about who has the name."
HIDDEN = "The node refuses the name as taken, and shows no account of that name."

Batch = tuple[Sequence[Job], Mapping[str, Account]]  #: jobs, and the accounts that are to be known for them


@dataclass(frozen=True, slots=True)
class _Sent:
    """What sending some jobs led to."""

    context: DrainContext  #: the chain once they are registered
    obstacle: str | None  #: why not all could be sent, for people
    is_all: bool  #: what comes after these jobs may be sent too


def _impossible(job: Job, context: DrainContext) -> Reason | None:
    """Why this chain can't have the account: its keys or its name are of another one."""
    prefix = context.profile.prefix
    if any(key[:-KEY_DIGITS] != prefix for key in job.signup.keys):  # its form was checked when the signup came
        return (Code.INVALID_KEY, f"The keys must begin with {prefix}, this chain's prefix.")
    problem = name_problem(job.signup.name, context.profile.reserved_ending)
    return None if problem is None else (Code.INVALID_NAME, problem)


class RegistrationStage:
    """Registers what is queued, in as few transactions as the chain allows."""

    def __init__(
        self, *, node: Node, queue: DrainQueue, sender: Sender, metrics: Metrics, confirmed: ConfirmedChain
    ) -> None:
        self._node = node
        self._queue = queue
        self._sender = sender
        self._metrics = metrics
        self._confirmed = confirmed
        self._evidence = Evidence(sender)

    @property
    def node_obstacle(self) -> str | None:
        """Why the node in use is of no use, for people: it refuses whatever it is sent, or lies about ids."""
        return self._evidence.obstacle

    async def register(
        self, batches: AsyncIterator[Batch], context: DrainContext, *, agreed: bool = True
    ) -> str | None:
        """Send what can be sent of `batches`; why nothing can, for people, or None.

        The chain's prefix is `agreed` by more than one stranger. Raises LinkError or Refused.
        """
        obstacle, pricing = None, Pricing(self._node, self._queue)
        async with self._sender.broadcasts(Kind.REGISTRATION, context.ref_block) as broadcasts:
            async for jobs, accounts in batches:
                if broadcasts.has_refused:
                    break
                context = context.with_accounts(accounts)
                free = await self._free(jobs, context, agreed=agreed)
                sent = await self._send(free, context, pricing, broadcasts)
                context, obstacle = sent.context, None if broadcasts.count else sent.obstacle
                if not sent.is_all:
                    break
            refused = await broadcasts.refused()
        return await self._settle_refused(refused, context) or obstacle

    async def _free(self, jobs: Sequence[Job], context: DrainContext, *, agreed: bool) -> list[Job]:
        """Those of `jobs` that are to be registered: of this chain, and with a name that it does not have."""
        own = await self._sort_out_impossible(jobs, context, agreed=agreed)
        return await self._settle_known(own, context)

    async def _send(
        self, jobs: Sequence[Job], context: DrainContext, pricing: Pricing, broadcasts: Broadcasts
    ) -> _Sent:
        """Send what can be sent of `jobs`, the first while others are priced."""
        obstacle = context.money_obstacle()
        for part in parts_of(jobs, lambda _: 1, MAX_JOBS):
            if obstacle is not None:
                break
            chosen = await pricing.choose(part, context)
            groups = pack_transactions(chosen.candidates, context.parameters.maximum_transaction_size)
            self._observe(groups)
            has_room = await broadcasts.add(groups, context)
            context = context.after_registering(len(chosen.candidates), sum(map(cost_of, groups)))
            if not (chosen.is_all and has_room):
                return _Sent(context, chosen.obstacle, is_all=False)
            obstacle = context.money_obstacle()
        return _Sent(context, obstacle, is_all=obstacle is None)

    async def _sort_out_impossible(self, queued: Sequence[Job], context: DrainContext, *, agreed: bool) -> list[Job]:
        """The jobs with keys and a name of this chain; others were accepted before a chain was met.

        They fail, unless it is one stranger's word what this chain's are.
        """
        reasons = {job.number: reason for job in queued if (reason := _impossible(job, context)) is not None}
        if reasons and agreed:
            await self._queue.fail(reasons)
        elif reasons:
            await self._queue.defer({job: sentence for job, (_, sentence) in reasons.items()}, RETRY_DELAY)
        return [job for job in queued if job.number not in reasons]

    async def _settle_known(self, queued: Sequence[Job], context: DrainContext) -> list[Job]:
        """The jobs whose name the chain does not have; of the others, those with their own keys are ours."""
        found = {job.number: context.accounts.get(job.signup.name) for job in queued}
        ours = {
            job.number: account.id
            for job in queued
            if (account := found[job.number]) is not None
            and is_ours(job.signup, account, context.settings, context.ids)
        }
        taken = [job for job in queued if found[job.number] is not None and job.number not in ours]
        if ours:
            # What a node reads includes what is pending: it is in a block by the next one at the latest.
            head = await self._node.head()
            await self._queue.claim_existing(ours, head.number + 1)
        if taken:
            await self._fail_taken(taken, context)
        return [job for job in queued if found[job.number] is None]

    async def _fail_taken(self, jobs: Sequence[Job], context: DrainContext) -> None:
        """Fail `jobs`, whose names are somebody else's; those wait of which a second node says something else."""
        try:
            accounts = await self._confirmed.accounts_elsewhere([job.signup.name for job in jobs])
        except (LinkError, Refused) as error:
            await self._queue.defer({job.number: str(error) for job in jobs}, RETRY_DELAY)
            return
        free = set() if accounts is None else self._not_taken(jobs, accounts, context)
        await self._queue.fail({job.number: EXISTS for job in jobs if job.number not in free})
        await self._queue.defer(dict.fromkeys(free, DISAGREE), RETRY_DELAY)

    def _not_taken(self, jobs: Sequence[Job], accounts: Sequence[Account | None], context: DrainContext) -> set[int]:
        """The numbers of those `jobs` whose name is not somebody else's by `accounts`."""
        return {
            job.number
            for job, account in zip(jobs, accounts, strict=True)
            if account is None or is_ours(job.signup, account, context.settings, context.ids)
        }

    async def _settle_refused(self, refused: Sequence[RefusedGroup], context: DrainContext) -> str | None:
        """Take back what the node refused, and send at once what can go again; the obstacle met, if any."""
        obstacle = None
        while refused:
            again: list[Group] = []
            for transaction, group, refusal in refused:
                plan = self._evidence.proven(group, refusal, handle_refusal(group, refusal), own=not context.stranger)
                if plan.known:
                    continue
                await self._take_back(transaction, group, refusal, plan, trusted=not context.stranger)
                again += plan.again
                obstacle = obstacle or plan.obstacle
            if self._sender.refused_in_a_row >= MAX_HALVINGS:
                break
            self._observe(again)
            refused = await self._sender.send(Kind.REGISTRATION, again, context, context.ref_block)
        return obstacle or self._evidence.obstacle

    async def _take_back(
        self, transaction: Transaction, group: Group, refusal: Refusal, plan: RefusalPlan, *, trusted: bool
    ) -> None:
        fields = {"transaction": transaction.id, "cause": refusal.cause, "jobs": len(group)}
        log.warning("transaction refused", extra={"fields": fields})
        await self._queue.refuse(transaction, rejected=plan.rejected, counted=plan.counted, trusted=trusted)
        if hidden := self._evidence.hidden_names(group, refusal):
            await self._queue.defer(dict.fromkeys(hidden, HIDDEN), RETRY_DELAY)

    def _observe(self, groups: Sequence[Group]) -> None:
        for group in groups:
            self._metrics.batch_accounts.observe(len(group))
