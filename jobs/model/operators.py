"""What operators see and do: pauses, alerts, mails, the audit trail, reconciliation."""

from dataclasses import dataclass

#: What operators can pause: the taking of signups, and the sending of transactions.
PARTS = ("intake", "drain")


@dataclass(frozen=True, slots=True)
class Pause:
    """Why intake or drain stands still."""

    reason: str
    by: str  #: the operator's name, or "faucet" of an automatic one
    since: int  #: milliseconds since 1970, UTC
    automatic: bool = False  #: the faucet paused by itself, and resumes by itself


@dataclass(frozen=True, slots=True)
class Span:
    """What happened in a minute or a day."""

    start: int  #: when it began, milliseconds since 1970, UTC
    accepted: int
    registered: int
    failed: int


@dataclass(frozen=True, slots=True)
class Alert:
    """An open alert."""

    name: str  #: of the condition, such as balance
    text: str  #: what it is, in a sentence
    since: int  #: when it began, milliseconds since 1970, UTC
    seen_at: int  #: when it was last so
    told_at: int  #: when the last mail about it was written


@dataclass(frozen=True, slots=True)
class Failure:
    """How a background task failed last."""

    at: float  #: seconds since 1970
    text: str  #: for people


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to the operators that waits for the mail server."""

    number: int
    subject: str
    body: str
    created_at: int  #: milliseconds since 1970, UTC
    attempts: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What an operator did."""

    number: int  #: order of doing
    at: int  #: milliseconds since 1970, UTC
    who: str
    what: str
    target: str  #: id of the job, or the part that was paused; empty where there is none
    why: str


@dataclass(frozen=True, slots=True)
class Erased:
    """A job whose personal data were erased, and which of them it had."""

    id: str
    email: bool
    real_name: bool
    refcode: bool

    @property
    def fields(self) -> list[str]:
        """The names of the fields of the signup that were erased."""
        return [name for name in ("email", "real_name", "refcode") if getattr(self, name)]


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in."""

    hash: str  #: of the id in the cookie
    who: str
    created_at: int  #: when the login was, milliseconds since 1970, UTC
    used_at: int  #: when it was last used, to within a minute


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the ledger and the chain disagree."""

    block_num: int
    kind: str
    about: str  #: name of the account, or id of the transaction
    text: str  #: for people


@dataclass(frozen=True, slots=True)
class Contact:
    """Since when a ledger has met the chain, by the numbers of blocks."""

    first: int  #: the last irreversible one when it met it first: the ledger has nothing in it or before
    restored_from: int | None = None  #: the last block followed in the backup that it was restored from
    restored_at: int | None = None  #: the head when it was served from first

    def is_past(self, block: int) -> bool:
        """Whether `block` may hold transactions that the ledger lacks: before first contact, or since the backup."""
        lost = self.restored_from is not None and self.restored_from < block <= (self.restored_at or block)
        return block <= self.first or lost


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A comparison of the ledger with the chain's blocks."""

    number: int
    first_block: int
    last_block: int  #: how far it has come
    registrations: int  #: operations of the registrar in these blocks
    payments: int
    updated_at: int  #: milliseconds since 1970, UTC
