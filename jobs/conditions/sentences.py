"""What the faucet says where a condition fails: each fact has one sentence. Pure."""

from decimal import Decimal

from chain.authority import Role, Standing
from jobs.budget import ASSERTION, REGISTRATION, TRANSFER, Allowance
from jobs.model.chain import ChainStatus
from jobs.model.readable import amount

NOBROADCAST = "The configuration says nobroadcast: nothing is sent to the chain."
NO_ASSERTIONS = "This chain takes no assertions: initial balances wait until a second node confirms the accounts."
NO_NODES = "The configuration names no node: witness_url is empty."

#: What the chain says of the registrar where it refuses a transaction, whatever was read before.
BALANCE_REFUSED = "The registrar's balance does not pay for another account."
MEMBER_REFUSED = "The registrar is not a lifetime member."
KEY_REFUSED = "The registrar's key does not match its active authority."

_TOO_DEAR = {
    REGISTRATION: "An account costs {} now, more than max_account_fee allows ({}).",
    TRANSFER: "A transfer costs {} now, more than max_account_fee allows ({}).",
    ASSERTION: "An assertion costs {} now, more than max_account_fee allows ({}).",
}
_FITS = {
    REGISTRATION: "an account costs {} of at most {}",
    TRANSFER: "a transfer costs {} of at most {}",
    ASSERTION: "an assertion costs {} of at most {}",
}


def core(status: ChainStatus, satoshi: int | None) -> str:
    """`satoshi` as an amount of the chain's core asset."""
    return amount(satoshi or 0, status.precision or 0, status.symbol)


def account_obstacle(status: ChainStatus, allowance: Allowance, cost: int) -> str | None:
    """Why no account can be paid for now, if one costs `cost`, satoshi."""
    if cost > allowance.ceilings.registration:
        return too_dear(REGISTRATION, cost, allowance.ceilings.registration, status)
    if (status.balance or 0) < cost:
        return f"The registrar's balance of {core(status, status.balance)} does not pay for an account."
    return budget_spent(status) if allowance.left < cost else None


def signups_count(count: int) -> str:
    """`count` signups, in words that fit the number."""
    return "1 more signup" if count == 1 else f"{count} more signups"


def payments_unpaid(status: ChainStatus) -> str:
    """That the balance is too low for the initial balances that are due."""
    return f"The registrar's balance of {core(status, status.balance)} does not pay for all initial balances."


def too_dear(operation: str, fee: int, ceiling: int, status: ChainStatus) -> str:
    """That `operation` costs `fee` now, more than its `ceiling`, satoshi both."""
    return _TOO_DEAR[operation].format(core(status, fee), core(status, ceiling))


def fits(operation: str, fee: int, ceiling: int, status: ChainStatus) -> str:
    """That `operation` costs `fee`, and may cost up to its `ceiling`, satoshi both."""
    return _FITS[operation].format(core(status, fee), core(status, ceiling))


def below_unit(payment: Decimal, status: ChainStatus) -> str:
    """That the chain can't express the initial balance `payment`."""
    return f"initial_balance is {payment:f}, less than the chain's smallest amount, {core(status, 1)}."


def budget_spent(status: ChainStatus) -> str:
    """That nothing is signed any more today."""
    budget = core(status, status.budget)
    return f"The daily budget of {budget} is spent: it goes on at midnight UTC, or when daily_budget is raised."


def missing_accounts(names: str) -> str:
    """That the chain lacks the accounts `names`."""
    return f"The chain has no account {names}, which the configuration names."


def not_a_member(registrar: str) -> str:
    """That the chain lets the registrar register nobody."""
    return f"The registrar {registrar} is not a lifetime member."


def key_standing(registrar: str, public_key: str, found: Standing) -> str | None:
    """How the configured key signs for the registrar, or why it does not; None where its active authority decides."""
    if found.signs:
        return _signing(registrar, public_key, found)
    if found.role is Role.MEMO:
        return f"{wrong_key(registrar, public_key)} It is only its memo key, which signs nothing."
    if found.role is Role.NONE:
        return None
    if found.within is not None and found.role is Role.OWNER:
        return (
            f"The key {public_key} is in the owner authority of the account {found.within}"
            f", which may act for the registrar {registrar} by its active authority alone."
        )
    if found.within is not None:
        return (
            f"The key {public_key} has weight {found.weight} in the active authority of the account {found.within}, "
            f"which may act for the registrar {registrar}, but its threshold is {found.threshold}: it can't sign alone."
        )
    whose = f"key {public_key}" if found.through is None else f"account {found.through}, for which the key signs,"
    return (
        f"The {whose} has weight {found.weight} in the {found.role} authority of the registrar {registrar}, "
        f"but its threshold is {found.threshold}: it can't sign alone."
    )


def _signing(registrar: str, public_key: str, found: Standing) -> str | None:
    account = "" if found.through is None else f" through the account {found.through}"
    if found.role is Role.OWNER:
        return f"{public_key} signs for {registrar} by its owner authority{account}: an active key would do"
    return f"{public_key} signs for {registrar}{account}" if account else None


def wrong_key(registrar: str, public_key: str | None) -> str:
    """That the configured key, whose public one is `public_key`, can sign nothing."""
    return f"The key {public_key} does not match the active authority of the registrar {registrar}."
