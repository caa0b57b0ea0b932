"""The cost of a signup, and how many the balance and the budget pay for."""

from dataclasses import replace
from decimal import Decimal

import pytest

from jobs.budget import budget_left, signup_cost, signups_in_budget, signups_paid
from jobs.model.chain import ChainStatus
from jobs.settings import Settings
from tests.harness.serving import CHAIN_STATUS

PAYS = Settings(enable_initial_balance=True, initial_balance=Decimal(10))


def test_signup_costs_its_fee_and_its_initial_balance() -> None:
    assert signup_cost(CHAIN_STATUS, Settings()) == 5_14941
    assert signup_cost(CHAIN_STATUS, PAYS) == 5_14941 + 10_00000 + 20000


def test_assertion_is_paid_only_with_an_initial_balance() -> None:
    through_a_stranger = replace(CHAIN_STATUS, assertion_fee=1_00000)
    assert signup_cost(through_a_stranger, PAYS) == 5_14941 + 10_00000 + 20000 + 1_00000
    assert signup_cost(through_a_stranger, Settings()) == 5_14941


@pytest.mark.parametrize(
    ("spent", "left", "signups"),
    [(0, 2_500_00000, 485), (2_500_00000 - 5_14941, 5_14941, 1), (2_500_00000 - 5_14940, 5_14940, 0), (10**9, 0, 0)],
)
def test_remaining_budget(spent: int, left: int, signups: int) -> None:
    assert budget_left(CHAIN_STATUS, spent) == left
    assert signups_in_budget(CHAIN_STATUS, Settings(), spent) == signups


def test_budget_does_not_change_what_the_balance_pays_for() -> None:
    assert signups_paid(replace(CHAIN_STATUS, budget=0), Settings()) == 1941


def test_costs_are_unknown_before_the_first_node() -> None:
    assert budget_left(ChainStatus(), 0) is None
    assert signups_in_budget(replace(CHAIN_STATUS, fee=None), Settings(), 0) is None
    assert signups_in_budget(replace(CHAIN_STATUS, budget=None), Settings(), 0) is None
