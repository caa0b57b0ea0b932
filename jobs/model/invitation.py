"""Invitations, as operators make them."""

import msgspec

MAX_USES = 1_000_000
MAX_NOTE = 200  #: characters


class NewInvitation(msgspec.Struct, frozen=True):
    """One to be made: what it is good for."""

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
