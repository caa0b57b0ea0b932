"""Invitations as operators ask for them."""

from decimal import Decimal, InvalidOperation

from jobs.errors import Code, FaucetError
from jobs.model.invitation import NewInvitation

MAX_CODES = 10_000  #: that are made at once
MAX_DAYS = 3650
DAY = 86_400_000  #: milliseconds


def new_invitation(*, uses: int, days: int | None, balance: str, note: str, now: int) -> NewInvitation:
    """Invitations to be made `now`, milliseconds, for so many days; `balance` in the core asset.

    Raises FaucetError bad_request.
    """
    expires_at = None if days is None else now + days * DAY
    return NewInvitation(uses=uses, note=note, initial_balance=_balance(balance), expires_at=expires_at)


def _balance(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        amount = Decimal(-1)
    if not (amount.is_finite() and 0 <= amount < 10**15):
        raise FaucetError(Code.BAD_REQUEST, "The balance must be an amount of the core asset.", field="balance")
    return f"{amount:f}"
