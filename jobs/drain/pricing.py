"""What of the queue one drain can pay for, and what each registration costs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from chain.names import is_cheap
from chain.node import Node
from chain.registrations import Encoded
from jobs.conditions.sentences import budget_spent
from jobs.drain.batch import Assertion, Candidate, affordable, before_fee_step, split_by_reason
from jobs.drain.context import DrainContext
from jobs.drain.fees import FeeTable
from jobs.errors import Code
from jobs.ledger.drain import DrainQueue
from jobs.model.job import Job

RETRY_DELAY = 60.0  #: seconds before a drain takes a job again that it put off


@dataclass(frozen=True, slots=True)
class Chosen:
    """What may be sent of some jobs."""

    candidates: Sequence[Candidate]
    obstacle: str | None = None  #: why there are none, for people
    is_all: bool = False  #: what comes after these jobs may be sent too


class Pricing:
    """Chooses what is sent, by what the node asks for it."""

    def __init__(self, node: Node, queue: DrainQueue) -> None:
        self._table = FeeTable(node)
        self._queue = queue

    async def choose(self, jobs: Sequence[Job], context: DrainContext) -> Chosen:
        """What may be sent now of `jobs`: before the fee steps up, under the ceiling, and paid for."""
        priced = await self._priced(jobs, context)
        if any(candidate.assertions for candidate in priced) and (obstacle := context.assertion_obstacle()):
            return Chosen([], obstacle)
        payable = await self._sort_out_dear(priced, context)
        room = _room(context)
        chosen = payable if room is None else payable[:room]
        if not chosen:
            return Chosen([], is_all=not payable)
        fees = await self._table.fees([each.encoded for each in chosen], [(each.size, each.fee) for each in chosen])
        priced = [_with_fee(candidate, fee) for candidate, fee in zip(chosen, fees, strict=True)]
        free, dear = split_by_reason(priced, _too_dear(context))
        paid = affordable(free, context.balance)
        paid = affordable(paid, context.left - context.allowance.owed, each=context.payment_cost)
        if paid:
            return Chosen(paid, is_all=len(paid) == len(payable) and len(paid) != room)
        return Chosen(
            [], next(iter(dear.values()), None) or context.money_obstacle(free[0].cost) or budget_spent(context.status)
        )

    async def _priced(self, jobs: Sequence[Job], context: DrainContext) -> list[Candidate]:
        """A candidate for each of `jobs`, at what it costs by the chain's parameters."""
        referrers = [context.referrer(job.signup.referrer) for job in jobs]
        ids = {name: context.account_id(name) for name in set(referrers)}
        signups = [(job.signup, ids[referrer]) for job, referrer in zip(jobs, referrers, strict=True)]
        encoded = await asyncio.to_thread(context.template.encoded, signups, context.profile.prefix)
        assertions = {name: _assertions(name, context) for name in ids}
        return [
            _candidate(job, each, referrer, assertions[referrer], context)
            for job, each, referrer in zip(jobs, encoded, referrers, strict=True)
        ]

    async def _sort_out_dear(self, candidates: Sequence[Candidate], context: DrainContext) -> list[Candidate]:
        """Those of `candidates` that could be paid for alone; the others must not take the places of those behind them.

        A premium name that may never cost so much fails, unless it is a stranger who says what it costs.
        """
        free, dear = split_by_reason(candidates, _too_dear(context))
        if not dear:
            return free
        premium = {candidate.job.number for candidate in candidates if not is_cheap(candidate.job.signup.name)}
        ceiling = context.allowance.ceilings.registration
        never = {candidate.job.number for candidate in candidates if candidate.fee > ceiling} & premium
        if failed := {} if context.stranger else {job: dear[job] for job in never}:
            await self._queue.fail({job: (Code.PREMIUM_NAME, sentence) for job, sentence in failed.items()})
        if put_off := {job: sentence for job, sentence in dear.items() if job not in failed}:
            await self._queue.defer(put_off, RETRY_DELAY)
        return free


def _assertions(referrer: str, context: DrainContext) -> tuple[Assertion, ...]:
    """What a registration with `referrer` asserts through a stranger."""
    named = context.named_by_id(referrer) if context.asserts else {}
    return tuple(context.assertion(account_id, name) for name, account_id in named.items())


def _candidate(
    job: Job, encoded: Encoded, referrer: str, assertions: tuple[Assertion, ...], context: DrainContext
) -> Candidate:
    """`job` with what it costs by the chain's parameters; the chain counts an operation without its number."""
    _, packed = encoded
    fee = context.parameters.account_create.required(job.signup.name, len(packed) - 1)
    return Candidate(job, *encoded, fee, fee + sum(each.fee for each in assertions), assertions, referrer)


def _too_dear(context: DrainContext) -> Callable[[Candidate], str | None]:
    """Why a candidate can't be paid for now: most have the same fee."""
    obstacle = cache(context.money_obstacle)
    return lambda candidate: obstacle(candidate.fee)


def _with_fee(candidate: Candidate, fee: int) -> Candidate:
    """`candidate` at the `fee` that the node asks, which mostly is what the parameters say."""
    if fee == candidate.fee:
        return candidate
    return replace(candidate, fee=fee, cost=candidate.cost - candidate.fee + fee)


def _room(context: DrainContext) -> int | None:
    """How many more accounts go at the present fee; None: any number."""
    parameters = context.parameters
    return before_fee_step(
        context.head.accounts_registered,
        parameters.accounts_per_fee_scale,
        parameters.account_fee_scale_bitshifts,
    )
