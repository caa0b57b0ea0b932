"""What a signup costs, the ceilings of fees and of a day, and how far balance and budget go. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chain.keys import format_public_key
from chain.node import Parameters
from chain.transactions import account_create, operation_size
from jobs.model.chain import ChainStatus
from jobs.settings import Settings
from jobs.settings.values import DailyBudget

#: Operations with a fee of their own, as the ledger names them.
REGISTRATION, TRANSFER, ASSERTION = "account_create", "transfer", "assert"

FEE_FACTOR = 2  #: a fee may rise to so many times the lowest one seen, without a ceiling in the configuration
LEAST_SIGNUPS = 100  #: that a budget in percent pays for in any case

CHEAP, PREMIUM = "b", "a"  #: the shortest names of their kind, which cost the least
#: The curve's generator: some key must stand where a key stands.
_ANY_POINT = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")


@dataclass(frozen=True, slots=True)
class Fees:
    """What each operation costs by the chain's parameters, satoshi."""

    registration: int  #: of a cheap name
    premium: int  #: … of a premium name
    transfer: int
    assertion: int | None  #: None where the chain has no such operation
    takes_assertions: bool  #: that an account id bears a name (predicate 0)

    def by_operation(self) -> dict[str, int]:
        """The fee of each operation that the chain has, by the ledger's names."""
        fees = {REGISTRATION: self.registration, TRANSFER: self.transfer}
        return fees if self.assertion is None else fees | {ASSERTION: self.assertion}


def fees_of(parameters: Parameters, prefix: str, settings: Settings) -> Fees:
    """What each operation of this faucet costs on a chain with these `parameters`."""
    assertion = None if parameters.assertion is None else parameters.assertion.required()
    return Fees(
        registration=_registration_fee(parameters, prefix, settings, CHEAP),
        premium=_registration_fee(parameters, prefix, settings, PREMIUM),
        transfer=parameters.transfer.required(),
        assertion=assertion,
        takes_assertions=assertion is not None and parameters.max_predicate_opcode != 0,
    )


def _registration_fee(parameters: Parameters, prefix: str, settings: Settings, name: str) -> int:
    """The fee for `name` with the authorities that `settings` add: a chain may ask a fee by size."""
    key = format_public_key(_ANY_POINT, prefix)
    operation = account_create(
        registrar="1.2.0",
        referrer="1.2.0",
        referrer_percent=0,
        name=name,
        owner_key=key,
        active_key=key,
        memo_key=key,
        extra_owner_keys=settings.additional_owner_keys,
        extra_active_keys=settings.additional_active_keys,
        extra_owner_accounts=_any_accounts(settings.additional_owner_accounts),
        extra_active_accounts=_any_accounts(settings.additional_active_accounts),
    )
    # The chain counts the operation without the byte that says which one it is.
    return parameters.account_create.required(name, operation_size(operation, prefix) - 1)


def _any_accounts(names: Sequence[str]) -> list[str]:
    """As many account ids as there are `names`."""
    return [f"1.2.{number}" for number, _ in enumerate(names)]


def signup_cost(chain_status: ChainStatus, settings: Settings) -> int | None:
    """What one signup costs now, satoshi, its initial balance and that one's fees included; None until it is known."""
    if chain_status.fee is None or chain_status.precision is None:
        return None
    return chain_status.fee + payment_cost(chain_status, settings)


def payment_cost(chain_status: ChainStatus, settings: Settings) -> int:
    """What the initial balance of one account takes, satoshi, fees included; 0 if none is paid or no chain is known."""
    if settings.payment is None or chain_status.precision is None:
        return 0
    payment = int(settings.payment.scaleb(chain_status.precision))
    return payment + (chain_status.transfer_fee or 0) + (chain_status.assertion_fee or 0)


def signups_paid(chain_status: ChainStatus, settings: Settings) -> int | None:
    """How many signups the registrar's balance pays for; None until it is known."""
    cost = signup_cost(chain_status, settings)
    if chain_status.balance is None or cost is None:
        return None
    return chain_status.balance // max(1, cost)


def is_premium_too_dear(chain_status: ChainStatus) -> bool:
    """Whether a premium name is known to cost more than the ceiling of fees allows."""
    return (
        chain_status.premium_fee is not None
        and chain_status.max_fee is not None
        and chain_status.premium_fee > chain_status.max_fee
    )


def budget_left(chain_status: ChainStatus, spent: int) -> int | None:
    """What is left of today's budget, satoshi, after `spent`; None until the budget is known."""
    return None if chain_status.budget is None else max(0, chain_status.budget - spent)


def signups_in_budget(chain_status: ChainStatus, settings: Settings, spent: int) -> int | None:
    """How many signups today's budget still pays for after `spent`, satoshi; None until that is known."""
    left, cost = budget_left(chain_status, spent), signup_cost(chain_status, settings)
    return None if left is None or cost is None else left // max(1, cost)


def runway_days(chain_status: ChainStatus, settings: Settings, signups_a_day: float) -> float | None:
    """How many days the registrar's balance lasts; None until it is known, or without any signups."""
    signups = signups_paid(chain_status, settings)
    if signups is None or signups_a_day <= 0:
        return None
    return signups / signups_a_day


def retry_after(queue: int, registration_rate: float) -> int:
    """Seconds, 1 to 60, until a full queue has room for a hundredth of it, at `registration_rate` accounts a second.

    For one more there is room at once, but all who are refused come back together.
    """
    return max(1, min(60, math.ceil(queue / 100 / registration_rate))) if registration_rate > 0 else 60


def is_below(chain_status: ChainStatus, amount: Decimal) -> bool:
    """Whether the registrar's balance is known and less than `amount` of the core asset."""
    if chain_status.balance is None or chain_status.precision is None:
        return False
    return Decimal(chain_status.balance).scaleb(-chain_status.precision) < amount


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The highest fee of each operation, satoshi."""

    registration: int
    transfer: int
    assertion: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """What may be spent now, satoshi."""

    ceilings: Ceilings
    budget: int  #: may leave the registrar today
    left: int  #: … and was not signed away yet
    owed: int = 0  #: … and will be taken by the initial balances of accounts on their way


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


def budget_of(chain_status: ChainStatus, settings: Settings, ceilings: Ceilings, basis: int) -> int:
    """Satoshi that may leave the registrar in a day that began with the balance `basis`.

    A fee above its ceiling is never paid, so it makes the budget no larger. Fees and precision must be known.
    """
    fee, precision = chain_status.fee or 0, chain_status.precision or 0
    signup = min(fee, ceilings.registration) + payment_cost(chain_status, settings)
    return daily_limit(settings.daily_budget, balance=basis, signup_cost=signup, precision=precision)


def daily_limit(budget: DailyBudget, *, balance: int, signup_cost: int, precision: int) -> int:
    """Satoshi that may leave the registrar in a day that began with `balance`; a signup takes `signup_cost`."""
    if budget.amount is not None:
        return int(budget.amount.scaleb(precision))
    share = int(balance * (budget.percent or Decimal(0)) / 100)
    return max(share, LEAST_SIGNUPS * signup_cost)
