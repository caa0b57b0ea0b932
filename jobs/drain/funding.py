"""The funding stage of a drain: new accounts get their initial balance, exactly once."""

import logging
from collections.abc import Sequence
from decimal import Decimal

from chain.errors import LinkError, Refused
from chain.node import Account, Node
from chain.registrations import encode
from chain.slices import map_in_slices
from chain.transactions import RefBlock, transfer
from jobs.budget import TRANSFER
from jobs.conditions.sentences import NO_ASSERTIONS, budget_spent, payments_unpaid, too_dear
from jobs.drain.batch import Assertion, Candidate, affordable, cost_of, pack_transactions
from jobs.drain.context import DrainContext
from jobs.drain.fees import FeeTable
from jobs.drain.sender import Sender
from jobs.ledger.blocks import BlockLog
from jobs.model.job import Job, Unfunded
from jobs.model.transaction import Kind
from jobs.nodes.confirmation import ConfirmedChain

log = logging.getLogger("faucet.funding")


class FundingStage:
    """Pays initial balances.

    A transfer can be repeated where a name can't, so a node's refusal frees nothing here: only when a
    transfer can never be in a block any more (the tracker knows) is its job paid by another one.
    """

    def __init__(self, *, node: Node, blocks: BlockLog, sender: Sender, confirmed: ConfirmedChain) -> None:
        self._node = node
        self._blocks = blocks
        self._sender = sender
        self._confirmed = confirmed

    async def fund(self, unfunded: Unfunded, context: DrainContext) -> tuple[int, str | None]:
        """Sign and send the initial balances of `unfunded`.

        Returns what they cost together, satoshi, and why not all were paid, for people.
        """
        if unfunded.last_block is None or not unfunded.jobs:
            return 0, None
        # A promise below the chain's unit can't be kept, and would spoil the transaction of others.
        payable = [job for job in unfunded.jobs if context.profile.satoshi(Decimal(job.initial_balance or 0))]
        if not payable:
            return 0, None
        jobs = await self._payable(payable, context)
        if not jobs:
            return 0, None if context.asserts else NO_ASSERTIONS
        candidates = await self._candidates(jobs, context)
        obstacle = _fee_obstacle(candidates, context)
        if obstacle is not None:
            return 0, obstacle
        paid = affordable(candidates, context.affordable)
        # The last block that was followed when the accounts' ids were read is their own or a later one: the
        # transfer dies with it, and can't pay whoever is given an account's id after a fork.
        ref_block = RefBlock(*unfunded.last_block)
        groups = pack_transactions(paid, context.parameters.maximum_transaction_size)
        if groups:
            await self._sender.send(Kind.FUNDING, groups, context, ref_block)
        return sum(map(cost_of, groups)), _money_obstacle(candidates, paid, context)

    async def _payable(self, jobs: Sequence[Job], context: DrainContext) -> Sequence[Job]:
        """Those of `jobs` whose account ids are proven: by an own node; by an assertion or a second node, and the name.

        Where a stranger's block gave an account another id than the account has under its name, the name counts from
        then on: what is signed asserts it.
        """
        if not context.stranger:
            return jobs
        accounts = await self._accounts(jobs, asserts=context.asserts)
        found = [(job, account.id) for job, account in zip(jobs, accounts, strict=True) if account is not None]
        moved = {job.number: account_id for job, account_id in found if account_id != job.account_id}
        if moved and context.asserts:
            log.warning("account ids corrected", extra={"fields": {"accounts": len(moved)}})
            await self._blocks.correct_accounts(moved)
        return [job for job, account_id in found if account_id == job.account_id]

    async def _accounts(self, jobs: Sequence[Job], *, asserts: bool) -> Sequence[Account | None]:
        """The accounts under the jobs' names; None for each that is not to be paid."""
        names = [job.signup.name for job in jobs]
        if asserts:
            return await self._node.accounts(names)
        try:
            return await self._confirmed.accounts(names) if self._confirmed.trusted else [None] * len(jobs)
        except (LinkError, Refused):
            return [None] * len(jobs)

    async def _candidates(self, jobs: Sequence[Job], context: DrainContext) -> list[Candidate]:
        amounts = [context.profile.satoshi(Decimal(job.initial_balance or 0)) for job in jobs]
        operations = [
            transfer(sender=context.registrar_id, receiver=job.account_id or "", amount=amount)
            for job, amount in zip(jobs, amounts, strict=True)
        ]
        prefix = context.profile.prefix
        encoded = await map_in_slices(lambda operation: encode(operation, prefix), operations)
        fees = await FeeTable(self._node).fees([each for each, _ in encoded], [len(packed) for _, packed in encoded])
        assertions = [_assertions(job, context) for job in jobs]
        return [
            Candidate(job, *each, fee, fee + amount + sum(assertion.fee for assertion in asserted), asserted)
            for job, each, fee, amount, asserted in zip(jobs, encoded, fees, amounts, assertions, strict=True)
        ]


def _assertions(job: Job, context: DrainContext) -> tuple[Assertion, ...]:
    """What a payment through a stranger asserts: that the account paid is the one that was signed up for."""
    return (context.assertion(job.account_id or "", job.signup.name),) if context.asserts else ()


def _fee_obstacle(candidates: Sequence[Candidate], context: DrainContext) -> str | None:
    """That a transfer or an assertion costs more than it may."""
    ceiling = context.allowance.ceilings.transfer
    fee = max(candidate.fee for candidate in candidates)
    return too_dear(TRANSFER, fee, ceiling, context.status) if fee > ceiling else context.assertion_obstacle()


def _money_obstacle(candidates: Sequence[Candidate], paid: Sequence[Candidate], context: DrainContext) -> str | None:
    if len(paid) == len(candidates):
        return None
    return budget_spent(context.status) if context.left < context.balance else payments_unpaid(context.status)
