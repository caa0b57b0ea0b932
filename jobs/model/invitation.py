"""Invitations, as operators make them."""

from decimal import Decimal, InvalidOperation

import msgspec

from jobs.errors import Code, FaucetError

MAX_CODES = 10_000  #: that are made at once
MAX_DAYS = 3650
MAX_USES = 1_000_000
DAY = 86_400_000  #: milliseconds
MAX_NOTE = 200  #: characters


class Terms(msgspec.Struct, frozen=True):
    """What an invitation is good for."""

    uses: int = 1  #: accounts
    note: str = ""  #: for whom or what, for the operators
    initial_balance: str | None = None  #: core asset, decimal text, instead of the configured one
    expires_at: int | None = None  #: milliseconds since 1970; None: never


class Invitation(msgspec.Struct, frozen=True):
    """One that was made."""

    number: int
    hint: str  #: the first characters of its code
    note: str
    uses: int
    used: int  #: accounts, those on their way too
    initial_balance: str | None
    expires_at: int | None
    revoked_at: int | None
    made_at: int
    made_by: str


def terms_of(*, uses: int, days: int | None, balance: str, note: str, now: int) -> Terms:
    """The terms of invitations that are made `now`, milliseconds, for so many days; `balance` in the core asset.

    Raises FaucetError bad_request.
    """
    expires_at = None if days is None else now + days * DAY
    return Terms(uses=uses, note=note, initial_balance=_balance(balance), expires_at=expires_at)


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
