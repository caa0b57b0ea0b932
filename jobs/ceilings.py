"""What the registrar pays at the most: for one operation, and in a day. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from jobs.settings import Settings
from jobs.settings.values import DailyBudget

#: Operations with a fee of their own, as the ledger names them.
REGISTRATION, TRANSFER, ASSERTION = "account_create", "transfer", "assert"

FEE_FACTOR = 2  #: a fee may rise to so many times the lowest one seen, without a ceiling in the configuration
LEAST_SIGNUPS = 100  #: that a budget in percent pays for in any case


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The highest fee of each operation, satoshi."""

    registration: int
    transfer: int
    assertion: int


def ceilings_of(settings: Settings, lowest: Mapping[str, int], precision: int) -> Ceilings:
    """The ceilings by the configuration, or by the `lowest` fees seen, satoshi by operation.

    Without a ceiling in the configuration an operation may always cost twice its own lowest fee: on many chains a
    transfer never costs as little as an account.
    """
    if settings.max_account_fee is not None:
        ceiling = int(settings.max_account_fee.scaleb(precision))
        return Ceilings(ceiling, ceiling, ceiling)
    registration = lowest.get(REGISTRATION, 0)
    return Ceilings(
        *(FEE_FACTOR * max(registration, lowest.get(name, 0)) for name in (REGISTRATION, TRANSFER, ASSERTION))
    )


def daily_limit(budget: DailyBudget, *, balance: int, signup_cost: int, precision: int) -> int:
    """Satoshi that may leave the registrar in a day that began with `balance`; a signup takes `signup_cost`."""
    if budget.amount is not None:
        return int(budget.amount.scaleb(precision))
    share = int(balance * (budget.percent or Decimal(0)) / 100)
    return max(share, LEAST_SIGNUPS * signup_cost)
