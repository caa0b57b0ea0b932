"""How the faucet is doing: what the status page and the operators' overview show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from handlers.base import AppContext
from handlers.pages.charts import DAY_MS, MINUTE_MS, Chart, chart
from jobs.budget import budget_left, runway_days, signup_cost, signups_in_budget, signups_paid
from jobs.conditions import LedgerStatus, conditions
from jobs.model.chain import ChainStatus
from jobs.model.job import State
from jobs.model.owner import Holder

HOUR = 60  #: minutes in the first chart
MONTH = 30  #: days in the second

NOTICES = frozenset({"held", "owed", "finality"})  #: the conditions that need an operator and stop no signup


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, at one moment."""

    now: int  #: milliseconds since 1970, UTC
    obstacles: Sequence[str]  #: why nobody can register now, a sentence each
    notices: Mapping[str, str]  #: what operators should look at though everybody can: sentences by condition
    owner: str | None  #: machine of the chain's owner; None: no process owns the chain
    epoch: int  #: number of the last owner
    lease: float  #: seconds that its lease lasts unless it is renewed
    chain_status: ChainStatus
    head_age: float | None  #: seconds
    counts: dict[State, int]
    oldest: float | None  #: seconds that the oldest queued job has waited
    by_minute: Chart
    by_day: Chart
    p50: float | None  #: seconds from accepted to in a block, the median
    p95: float | None  #: … the 95th percentile
    cost: int | None  #: satoshi that a signup costs now
    signups: int | None  #: that the balance pays for
    days: float | None  #: that it lasts
    spent: int  #: satoshi, since midnight UTC
    left: int | None  #: … and what is left of today's budget
    signups_today: int | None  #: that this still pays for
    a_day: int  #: signups accepted in the last 24 hours
    failures: dict[str, int]  #: in the last 24 hours, by code
    differences: int  #: between ledger and chain


async def overview(context: AppContext) -> Overview:
    """How it is now. Raises FaucetError `ledger_unavailable`."""
    ledger, settings, chain_status = context.ledger, context.settings, context.snapshot.chain_status
    now, holder = ledger.now(), context.snapshot.holder or Holder()
    counts, oldest, spent = (
        await ledger.queries.counts(),
        await ledger.queries.oldest_waiting(),
        await ledger.spending.spent_today(),
    )
    waits = sorted(await ledger.activity.latencies())
    a_day = await ledger.activity.accepted_since(now - DAY_MS)
    return Overview(
        now=now,
        obstacles=await obstacles(context),
        notices=await notices(context),
        owner=holder.owner if holder.owns(now) else None,
        epoch=holder.epoch,
        lease=holder.seconds_left(now),
        chain_status=chain_status,
        head_age=None if chain_status.head_time is None else now / 1000 - chain_status.head_time,
        counts={state: counts[state] for state in State},
        oldest=None if oldest is None else (now - oldest) / 1000,
        by_minute=chart(
            await ledger.activity.per_minute(now - HOUR * MINUTE_MS), until=now, size=MINUTE_MS, count=HOUR
        ),
        by_day=chart(await ledger.activity.per_day(now - MONTH * DAY_MS), until=now, size=DAY_MS, count=MONTH),
        p50=share_within(waits, 0.5),
        p95=share_within(waits, 0.95),
        cost=signup_cost(chain_status, settings),
        signups=signups_paid(chain_status, settings),
        days=runway_days(chain_status, settings, a_day),
        spent=spent,
        left=budget_left(chain_status, spent),
        signups_today=signups_in_budget(chain_status, settings, spent),
        a_day=a_day,
        failures=await ledger.queries.failures_since(now - DAY_MS),
        differences=await ledger.reconciliation.difference_count(),
    )


async def obstacles(context: AppContext) -> list[str]:
    """Why nobody can register now, a sentence each; empty if everybody can."""
    checks = await context.readiness.checks()
    return [f"{name.capitalize()}: {check.text}" for name, check in checks.items() if not check.ok]


async def notices(context: AppContext) -> dict[str, str]:
    """What operators should look at though everybody can register: the sentence of each condition that fails."""
    ledger = LedgerStatus(held=await context.ledger.queries.held_count(), owed=await owed_count(context))
    found = conditions(context.snapshot.chain_status, context.settings, context.clock(), ledger)
    by_name = {condition.name: condition.text for condition in found if condition.name in NOTICES and not condition.ok}
    return by_name if context.lists.problem is None else {**by_name, "lists": context.lists.problem}


async def owed_count(context: AppContext) -> int:
    """How many accounts wait for an initial balance though none is configured."""
    return await context.ledger.operators.owed() if context.settings.payment is None else 0


def share_within(waits: Sequence[int], share: float) -> float | None:
    """Seconds within which `share` of `waits`, milliseconds in order, were over; None without any."""
    if not waits:
        return None
    return waits[min(len(waits) - 1, int(share * len(waits)))] / 1000
