"""What a signup costs, how far the registrar's balance and the day's budget go, and a full queue. Pure."""

import math
from decimal import Decimal

from jobs.model.chain import ChainFacts
from jobs.settings import Settings

#: Why nothing is signed any more today.
BUDGET_SPENT = "The daily budget of {budget} is spent: it goes on at midnight UTC, or when daily_budget is raised."


def signup_cost(facts: ChainFacts, settings: Settings) -> int | None:
    """What one signup costs now, satoshi, its initial balance and that one's fees included; None until it is known."""
    if facts.fee is None or facts.precision is None:
        return None
    if settings.payment is None:
        return facts.fee
    payment = int(settings.payment.scaleb(facts.precision))
    return facts.fee + payment + (facts.transfer_fee or 0) + (facts.assertion_fee or 0)


def signups_paid(facts: ChainFacts, settings: Settings) -> int | None:
    """How many signups the registrar's balance pays for; None until it is known."""
    cost = signup_cost(facts, settings)
    if facts.balance is None or cost is None:
        return None
    return facts.balance // max(1, cost)


def is_premium_too_dear(facts: ChainFacts) -> bool:
    """Whether a premium name is known to cost more than the ceiling of fees allows."""
    return facts.premium_fee is not None and facts.max_fee is not None and facts.premium_fee > facts.max_fee


def budget_left(facts: ChainFacts, spent: int) -> int | None:
    """What is left of today's budget, satoshi, after `spent`; None until the budget is known."""
    return None if facts.budget is None else max(0, facts.budget - spent)


def signups_in_budget(facts: ChainFacts, settings: Settings, spent: int) -> int | None:
    """How many signups today's budget still pays for after `spent`, satoshi; None until that is known."""
    left, cost = budget_left(facts, spent), signup_cost(facts, settings)
    return None if left is None or cost is None else left // max(1, cost)


def runway_days(facts: ChainFacts, settings: Settings, signups_a_day: float) -> float | None:
    """How many days the registrar's balance lasts; None until it is known, or without any signups."""
    signups = signups_paid(facts, settings)
    if signups is None or signups_a_day <= 0:
        return None
    return signups / signups_a_day


def room_after(queue: int, pace: float) -> int:
    """Seconds, 1 to 60, after which a full queue has room for a hundredth of it, at `pace` accounts a second.

    For one more there is room at once, but all who are refused come back together.
    """
    return max(1, min(60, math.ceil(queue / 100 / pace))) if pace > 0 else 60


def is_below(facts: ChainFacts, amount: Decimal) -> bool:
    """Whether the registrar's balance is known and less than `amount` of the core asset."""
    if facts.balance is None or facts.precision is None:
        return False
    return Decimal(facts.balance).scaleb(-facts.precision) < amount
