"""What a signup needs on its way to the chain. Pure."""

from collections.abc import Iterator

from jobs.budget import (
    ASSERTION,
    REGISTRATION,
    TRANSFER,
    budget_left,
    signup_cost,
    signups_in_budget,
    signups_paid,
)
from jobs.conditions.sentences import (
    NO_ASSERTIONS,
    NO_NODES,
    NOBROADCAST,
    below_unit,
    budget_spent,
    core,
    fits,
    missing_accounts,
    not_a_member,
    signups_count,
    too_dear,
    wrong_key,
)
from jobs.conditions.values import Evaluator, Input, Result
from jobs.model.misfit import asset_misfit, head_misfit
from jobs.model.operators import Pause
from jobs.model.readable import duration, host
from jobs.settings import Settings


def _broadcast(given: Input) -> Result:
    return (False, NOBROADCAST) if given.settings.nobroadcast else None


def _nodes(given: Input) -> Result:
    count = len(given.settings.witness_url)
    return count > 0, f"{count} configured" if count else NO_NODES


def _connection(given: Input) -> Result:
    status = given.status
    if not status.connected:
        return False, status.last_error or "no node was reached yet"
    return True, f"connected to {host(status.node)}"


def _head(given: Input) -> Result:
    status = given.status
    if status.head_time is None:
        return None
    misfit = head_misfit(status.head_time, own=not status.stranger, now=given.now, max_age=given.settings.max_head_age)
    age = max(0, round(given.now - status.head_time))
    return misfit is None, misfit or f"block {status.head_block} is {age} seconds old"


def _asset(given: Input) -> Result:
    status = given.status
    if status.symbol is None:
        return None
    misfit = asset_misfit(status.symbol, given.settings.core_asset)
    return misfit is None, misfit or f"{status.chain_id}, prefix {status.prefix}, core asset {status.symbol}"


def _accounts(given: Input) -> Result:
    missing = given.status.missing
    if given.status.head_time is None:
        return None
    return missing is None, missing_accounts(missing) if missing else "all that the configuration names are there"


def _registrar(given: Input) -> Result:
    status, name = given.status, given.settings.registrar
    if status.head_time is None:
        return None
    return (
        (False, missing_accounts(name)) if status.registrar_id is None else (True, f"{name} is {status.registrar_id}")
    )


def _membership(given: Input) -> Result:
    member, name = given.status.registrar_member, given.settings.registrar
    return None if member is None else (member, f"{name} is a lifetime member" if member else not_a_member(name))


def _key(given: Input) -> Result:
    status, name = given.status, given.settings.registrar
    if status.key_matches is None:
        return None
    default = f"{status.public_key} signs for {name}" if status.key_matches else wrong_key(name, status.public_key)
    return status.key_matches, status.key_standing or default


def _fee(given: Input) -> Result:
    status = given.status
    priced = [(name, fee, most) for name, fee, most in _priced(given) if fee is not None and most is not None]
    dear = [too_dear(name, fee, most, status) for name, fee, most in priced if fee > most]
    good = [fits(name, fee, most, status) for name, fee, most in priced]
    return (not dear, " ".join(dear) or "; ".join(good)) if priced else None


def _priced(given: Input) -> Iterator[tuple[str, int | None, int | None]]:
    """Each operation that is to be sent, with its fee and its ceiling."""
    status, settings = given.status, given.settings
    yield REGISTRATION, status.fee, status.max_fee
    if settings.payment is not None:
        yield TRANSFER, status.transfer_fee, status.max_transfer_fee
    if status.assertion_fee and (settings.payment is not None or _names_others(settings)):
        yield ASSERTION, status.assertion_fee, status.max_assertion_fee


def _names_others(settings: Settings) -> bool:
    """Whether a registration without a wish names another account than the registrar by its id."""
    others = (*settings.additional_owner_accounts, *settings.additional_active_accounts, settings.default_referrer)
    return settings.proxy is not None or any(name != settings.registrar for name in others)


def _assertions(given: Input) -> Result:
    """Concerns only who pays initial balances, and then only until a second node is configured."""
    status, settings = given.status, given.settings
    if not status.stranger or status.takes_assertions is not False:
        return None
    return settings.payment is None or len(settings.witness_url) > 1, NO_ASSERTIONS


def _balance(given: Input) -> Result:
    status, settings = given.status, given.settings
    signups, cost = signups_paid(status, settings), signup_cost(status, settings)
    if signups is None:
        return None
    text = f"{core(status, status.balance)} pays for {signups_count(signups)} at {core(status, cost)}"
    return signups >= settings.ready_signups, text


def _account(given: Input) -> Result:
    """Whether the balance pays for a signup at all, however many `ready_signups` asks for."""
    result, signups = _balance(given), signups_paid(given.status, given.settings)
    return None if result is None else (signups != 0, result[1])


def _initial_balance(given: Input) -> Result:
    status, payment = given.status, given.settings.payment
    if payment is None or status.precision is None or status.balance is None:
        return None
    satoshi = int(payment.scaleb(status.precision))
    text = f"{core(status, satoshi)} for each account"
    if satoshi <= status.balance:
        return True, text
    return False, f"{text}, more than the registrar has ({core(status, status.balance)})"


def _smallest_payment(given: Input) -> Result:
    status, payment = given.status, given.settings.payment
    if payment is None or status.precision is None or int(payment.scaleb(status.precision)) > 0:
        return None
    return False, below_unit(payment, status)


def _daily_budget(given: Input) -> Result:
    status, cost = given.status, signup_cost(given.status, given.settings)
    if status.budget is None or cost is None:
        return None
    text = f"daily_budget is {core(status, status.budget)}, and one signup takes {core(status, cost)}"
    return status.budget >= cost, text


def _budget(given: Input) -> Result:
    status, spent = given.status, given.ledger.spent
    signups = signups_in_budget(status, given.settings, spent)
    if signups is None:
        return None
    if signups == 0:
        return False, budget_spent(status)
    left, budget = core(status, budget_left(status, spent)), core(status, status.budget)
    return True, f"{left} are left of today's budget of {budget}, for {signups_count(signups)}"


def _database(given: Input) -> Result:
    """Has something to say only where it fails: a file always keeps what it confirms."""
    return None if given.ledger.unfit is None else (False, given.ledger.unfit)


def _drain(given: Input) -> Result:
    pause, waiting = given.ledger.drain, given.status.waiting
    return (False, waiting) if pause is None and waiting is not None else _open(pause)


def _intake(given: Input) -> Result:
    return _open(given.ledger.intake)


def _open(pause: Pause | None) -> Result:
    return pause is None, "open" if pause is None else pause.reason


def _queue(given: Input) -> Result:
    oldest = given.ledger.oldest
    if oldest is None:
        return True, "nobody is waiting"
    age = given.now - oldest / 1000
    text, waiting = f"The oldest signup has waited for {duration(age)}.", given.status.waiting
    waited = given.elapsed(oldest / 1000)
    return waited <= given.settings.ready_queue_age, text if waiting is None else f"{text} {waiting}"


REGISTERING: dict[str, Evaluator] = {
    "broadcast": _broadcast,
    "nodes": _nodes,
    "connection": _connection,
    "head": _head,
    "asset": _asset,
    "accounts": _accounts,
    "registrar": _registrar,
    "membership": _membership,
    "key": _key,
    "fee": _fee,
    "assertions": _assertions,
    "balance": _balance,
    "account": _account,
    "smallest_payment": _smallest_payment,
    "initial_balance": _initial_balance,
    "daily_budget": _daily_budget,
    "budget": _budget,
    "database": _database,
    "drain": _drain,
    "intake": _intake,
    "queue": _queue,
}
