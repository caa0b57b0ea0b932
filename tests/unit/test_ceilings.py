"""Ceilings of fees, and the daily budget."""

from decimal import Decimal

import pytest

from jobs.budget import Ceilings, ceilings_of, daily_limit
from jobs.settings import Settings
from jobs.settings.values import DailyBudget, ValueProblemError, daily_budget

ACCOUNT, TRANSFER, ASSERTION = 514_000, 2_000_000, 100_000
LOWEST = {"account_create": ACCOUNT, "transfer": TRANSFER, "assert": ASSERTION}


def test_configured_ceiling_applies_to_every_operation() -> None:
    assert ceilings_of(Settings(max_account_fee=Decimal("7.5")), LOWEST, 5) == Ceilings(750_000, 750_000, 750_000)


def test_default_ceiling_is_twice_the_lowest_account_fee() -> None:
    cheap = {**LOWEST, "transfer": 1}
    assert ceilings_of(Settings(), cheap, 5) == Ceilings(2 * ACCOUNT, 2 * ACCOUNT, 2 * ACCOUNT)


def test_default_ceiling_of_dear_operations_is_twice_their_lowest_fee() -> None:
    """On a chain with the fees that Graphene is compiled with, no initial balance could be paid otherwise."""
    assert ceilings_of(Settings(), LOWEST, 5).transfer == 2 * TRANSFER


def test_ceilings_are_zero_before_a_fee_is_known() -> None:
    assert ceilings_of(Settings(), {}, 5) == Ceilings(0, 0, 0)


@pytest.mark.parametrize(
    ("budget", "limit"),
    [
        (DailyBudget(percent=Decimal(25)), 25_000_000_000),
        (DailyBudget(percent=Decimal("0.01")), 51_400_000),  # a hundred signups
        (DailyBudget(amount=Decimal("12.5")), 1_250_000),
        (DailyBudget(amount=Decimal(0)), 0),
    ],
)
def test_daily_limit_is_at_least_some_signups(budget: DailyBudget, limit: int) -> None:
    assert daily_limit(budget, balance=10**11, signup_cost=ACCOUNT, precision=5) == limit


@pytest.mark.parametrize(
    ("value", "budget"),
    [
        ("25 %", DailyBudget(percent=Decimal(25))),
        ("2.5%", DailyBudget(percent=Decimal("2.5"))),
        (100, DailyBudget(amount=Decimal(100))),
        ("0.5", DailyBudget(amount=Decimal("0.5"))),
    ],
)
def test_configured_budget_is_parsed(value: object, budget: DailyBudget) -> None:
    assert daily_budget(value) == budget


@pytest.mark.parametrize("value", ["101 %", "-1 %", "%", "many %", "NaN %", -5, True, "a lot", []])
def test_malformed_budget_is_refused(value: object) -> None:
    with pytest.raises(ValueProblemError, match="must be an amount"):
        daily_budget(value)
