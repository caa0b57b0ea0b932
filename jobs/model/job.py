"""Signups and jobs: their states, their legal moves, and the limits of acceptance."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from jobs.model.transaction import Fate


class State(StrEnum):
    """Where a job stands."""

    # docs/states.md draws the moves.

    QUEUED = "queued"  #: on disk, waits for a drain
    BROADCAST = "broadcast"  #: in a signed transaction that may have left for the chain
    REGISTERED = "registered"  #: the account is in a block
    FUNDING = "funding"  #: its initial balance is in a signed transaction that may have left
    FUNDED = "funded"  #: the initial balance is in a block
    DONE = "done"  #: all of it is irreversible
    FAILED = "failed"  #: ended without an account, or without its balance; code and reason say why
    CANCELLED = "cancelled"  #: ended by an operator before anything left


ENDED = frozenset({State.DONE, State.FAILED, State.CANCELLED})


#: States whose account is in a block.
IN_A_BLOCK = frozenset({State.REGISTERED, State.FUNDING, State.FUNDED, State.DONE})

#: States that tell a client what became of its signup.
DECIDED = IN_A_BLOCK | ENDED


_FROM_THE_CHAIN = frozenset({State.REGISTERED, State.FUNDING, State.FUNDED})


#: The legal moves of a job; the ledger refuses every other.
MOVES: dict[State, frozenset[State]] = {
    State.QUEUED: _FROM_THE_CHAIN | {State.BROADCAST, State.FAILED, State.CANCELLED},
    State.BROADCAST: _FROM_THE_CHAIN | {State.QUEUED, State.FAILED},
    # Orphaned blocks take a job back; a transaction that can never be in a block is signed anew.
    # A ledger from a backup finds in a block that the balance was paid.
    State.REGISTERED: frozenset({State.FUNDING, State.FUNDED, State.DONE, State.BROADCAST, State.QUEUED}),
    State.FUNDING: frozenset({State.FUNDED, State.REGISTERED, State.BROADCAST, State.QUEUED}),
    State.FUNDED: frozenset({State.DONE, State.FUNDING, State.BROADCAST, State.QUEUED}),
    State.DONE: frozenset(),
    # A transaction given up may still show up in a block: what the chain says wins.
    State.FAILED: _FROM_THE_CHAIN | {State.QUEUED},
    State.CANCELLED: _FROM_THE_CHAIN | {State.QUEUED},
}


def state_of(
    *, registration: Fate | None, has_account: bool, irreversible: bool, pays: bool, funding: Fate | None
) -> State:
    """Where a job stands by what is known of its transactions: the one rule behind every move.

    An account without a registration of ours was found on the chain with the signup's own keys.
    """
    if not has_account:
        return State.QUEUED if registration is None else State.BROADCAST
    if not pays:
        return State.DONE if irreversible else State.REGISTERED
    if funding is None:
        return State.REGISTERED
    if funding is Fate.LIVE:
        return State.FUNDING
    return State.DONE if irreversible and funding is Fate.IRREVERSIBLE else State.FUNDED


class Signup(msgspec.Struct, frozen=True):
    """A valid request for an account."""

    name: str
    owner_key: str
    active_key: str
    memo_key: str
    referrer: str | None = None  #: account name as asked for; None is the default referrer
    refcode: str | None = None
    email: str | None = None
    real_name: str | None = None

    @property
    def keys(self) -> tuple[str, str, str]:
        """The owner, active and memo key: what tells one signup of a name from another."""
        return (self.owner_key, self.active_key, self.memo_key)


class RequestedSignup(Signup, frozen=True):
    """A signup as it was sent, with what was shown to be let in."""

    invite: str | None = None  #: code of an invitation, which is not kept
    work: str | None = None  #: proof of work: a challenge and its solution


class Job(msgspec.Struct, frozen=True):
    """A signup in the ledger."""

    number: int  #: order of acceptance, never shown outside
    id: str  #: unguessable, shown outside
    signup: Signup
    state: State
    account_id: str | None
    transaction_id: str | None  #: of the registration in force
    block_num: int | None  #: of the block that holds the registration
    irreversible: bool  #: that block stays
    initial_balance: str | None  #: core asset, decimal text; None when none is paid
    attempts: int  #: registrations signed so far
    code: str | None
    reason: str | None
    created_at: int  #: milliseconds since 1970, UTC
    updated_at: int
    registered_at: int | None = None  #: when its account was first seen in a block
    sent_referrer: str | None = None  #: name of the referrer in the last registration signed
    invitation: int | None = None  #: number of the one that let it in
    api_key: int | None = None  #: number of the one that it came with


class JobStatus(msgspec.Struct, frozen=True):
    """The fields of a job that may change until it is decided, for a client that has the others."""

    id: str
    state: State
    code: str | None
    reason: str | None
    sent_referrer: str | None  #: name of the referrer in the last registration signed


@dataclass(frozen=True, slots=True)
class Unfunded:
    """Jobs whose initial balance is to be paid, and the last block followed at the moment they were read."""

    jobs: tuple[Job, ...]
    last_block: tuple[int, str] | None  #: number and id; None where there are no jobs


class Quota(msgspec.Struct, frozen=True):
    """How many signups of one subject are accepted in an interval, which begins with the first of them.

    A signup spends one of each of its quotas; where it fails through no fault of its own, it is given back.
    """

    name: str  #: of the limit, for the metrics
    subject: str  #: what is counted: a kind, and which of it; the ledger keeps a keyed hash of it
    capacity: int  #: signups
    interval: int  #: seconds
    sentence: str  #: why one more is refused
    field: str | None = None  #: of the request, which is to blame then
    retry_after: int | None = None  #: seconds after which it may be sent again; None: at the end of the interval
    home: str = (
        ""  #: subjects of one home are neighbours in the ledger: a signup that spends of several writes one page
    )


class Limits(msgspec.Struct, frozen=True):
    """What acceptance is held to; decided inside the ledger's own transaction."""

    queue: int  #: jobs that may wait for a drain
    quotas: tuple[Quota, ...] = ()
    work: Quota | Exception | None = None  #: the proof of work, to be spent, or why it is refused; None: not needed
    invite: str | None = None  #: code of an invitation; without one, the refcode may be that
    needs_invitation: bool = False  #: unless it has an API key
    api_key: str | None = None  #: hash of the API key that it came with, whose quotas go before these
    origin: str | None = None  #: of the page that sent it
    initial_balance: str | None = None  #: what this signup is to be paid, core asset, decimal text
    retry_after: int = 60  #: seconds after which more may wait, when as many do

    @property
    def spent(self) -> tuple[Quota, ...]:
        """The quotas of which a signup spends one each that nothing else lets in."""
        return (*self.quotas, self.work) if isinstance(self.work, Quota) else self.quotas
