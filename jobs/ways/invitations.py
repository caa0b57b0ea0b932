"""Invitations as operators ask for them."""

from decimal import Decimal, InvalidOperation

from jobs.errors import Code, FaucetError
from jobs.model.invitation import NewInvitation
from jobs.settings import Settings

MAX_CODES = 10_000  #: that are made at once
MAX_DAYS = 3650
DAY = 86_400_000  #: milliseconds


def new_invitation(
    *, uses: int, days: int | None, balance: str, note: str, now: int, settings: Settings, precision: int | None
) -> NewInvitation:
    """An invitation to be made `now`, milliseconds, for so many days; `balance` in the core asset of that precision.

    Raises FaucetError bad_request, also for a balance that would be owed and never paid.
    """
    expires_at = None if days is None else now + days * DAY
    amount = None if not balance.strip() else _balance(balance.strip(), settings, precision)
    return NewInvitation(uses=uses, note=note, initial_balance=amount, expires_at=expires_at)


def _balance(text: str, settings: Settings, precision: int | None) -> str:
    if settings.payment is None:
        raise _refusal("Initial balances are switched off, so an invitation can't bring one.")
    if precision is None:
        raise _refusal("The faucet has not met its chain yet, so it can't say which balances can be paid.")
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal(0)
    if not (amount.is_finite() and 0 < amount < 10**15 and amount.scaleb(precision) % 1 == 0):
        raise _refusal(f"The balance must be an amount of the core asset, with at most {precision} decimals.")
    return f"{amount:f}"


def _refusal(sentence: str) -> FaucetError:
    return FaucetError(Code.BAD_REQUEST, sentence, field="balance")
