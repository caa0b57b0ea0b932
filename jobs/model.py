"""What the ledger holds, as values: signups, jobs, transactions, and the legal moves of a job."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import msgspec


class State(StrEnum):
    """Where a job stands. `docs/states.md` draws the moves."""

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


#: What operators can pause: the taking of signups, and the sending of transactions.
PARTS = ("intake", "drain")


class Kind(StrEnum):
    """What a transaction carries."""

    REGISTRATION = "registration"
    FUNDING = "funding"


class Fate(StrEnum):
    """What is known of a signed transaction."""

    LIVE = "live"  #: may be on its way, pending, or still to be sent
    INCLUDED = "included"  #: in a block that may yet be orphaned
    IRREVERSIBLE = "irreversible"  #: in a block that stays
    REFUSED = "refused"  #: the only node it was ever sent to refused it
    EXPIRED = "expired"  #: can never be in a block any more


def state_of(
    *, registration: Fate | None, account_id: str | None, irreversible: bool, pays: bool, funding: Fate | None
) -> State:
    """Where a job stands by what is known of its transactions: the one rule behind every move.

    An account without a registration of ours was found on the chain with the signup's own keys.
    """
    if account_id is None:
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


@dataclass(frozen=True, slots=True)
class Unfunded:
    """Jobs whose initial balance is to be paid, and the last block followed at the moment they were read."""

    jobs: tuple[Job, ...]
    last_block: tuple[int, str] | None  #: number and id; None where there are no jobs


@dataclass(frozen=True, slots=True)
class Draft:
    """A signed transaction about to be written ahead, with the jobs that its operations serve, in order."""

    kind: Kind
    id: str
    signature: str  #: hex; how the transaction is found again in a block
    body: str  #: JSON, byte for byte what is sent
    reference: int  #: number of the block that it refers to
    expiration: int  #: seconds since 1970, chain time
    jobs: tuple[int, ...]
    fees: tuple[int, ...]  #: satoshi of the core asset, one an operation
    cost: int = 0  #: satoshi that leave the registrar with it: all fees and payments; 0: it counts against no budget
    referrers: tuple[str, ...] = ()  #: names, one a job, of registrations that were signed here


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction in the ledger."""

    number: int
    kind: Kind
    id: str
    signature: str
    body: str
    reference: int  #: number of the block that it refers to
    expiration: int
    fate: Fate
    block_num: int | None
    jobs: tuple[int, ...]
    held: str | None = None  #: why it is not given up though it has expired, for people


@dataclass(frozen=True, slots=True)
class FoundOperation:
    """What the registrar did to an account: it registered or paid it."""

    name: str
    account_id: str
    keys: tuple[str, str, str] | None  #: owner, active and memo key of a registration
    amount: Decimal  #: of a payment, core asset with all its decimals
    fee: int  #: satoshi


@dataclass(frozen=True, slots=True)
class Found:
    """A transaction of the registrar in a block, as it was sent."""

    kind: Kind
    id: str
    signature: str
    body: str  #: JSON
    reference: int  #: number of the block that it refers to
    expiration: int  #: seconds, chain time
    block_num: int
    time: int  #: of the block, seconds, chain time
    operations: tuple[FoundOperation, ...]


@dataclass(frozen=True, slots=True)
class BlockEffects:
    """What one block means to the ledger."""

    number: int
    id: str
    #: signature → the ids its operations created or touched, None where an operation has none
    results: dict[str, tuple[str | None, ...]]
    accounts: tuple[tuple[str, str], ...]  #: (name, account id) registered in it, by anyone
    #: payments by the registrar that the ledger has no record of: it was restored from a backup
    payments: tuple[Found, ...] = ()
    provisional: frozenset[str] = frozenset()  #: signatures of those whose ids were looked up by name
    seen_by: str | None = None  #: the stranger that showed it, by URL; None of an own node
    keys: tuple[tuple[str, str, str], ...] = ()  #: see jobs.blocks.keys.keys_shown
    changed: tuple[tuple[str, str | None], ...] = ()  #: see jobs.blocks.keys.keys_changed


class ReferrerAnswer(msgspec.Struct, frozen=True):
    """Whom a registration would name as its referrer now, and how its fee is reckoned."""

    name: str
    account_id: str
    fee: tuple[int, int, int, int]  #: basic, premium, of a kbyte, and their scale: chain.fees.AccountCreateFee


@dataclass(frozen=True, slots=True)
class ChainFacts:
    """What the chain's owner last saw, as the HTTP side shows it; None until it was seen."""

    chain_id: str | None = None
    prefix: str | None = None  #: of public keys, such as PPY
    symbol: str | None = None  #: of the core asset
    precision: int | None = None  #: decimals of the core asset
    reserved_ending: str | None = None  #: that names may not have; None: there is none, or no node was met
    registrar_id: str | None = None
    balance: int | None = None  #: the registrar's, satoshi
    fee: int | None = None  #: of a cheap name of usual length now, satoshi
    transfer_fee: int | None = None  #: of an initial balance now, satoshi
    registrar_member: bool | None = None  #: the registrar is a lifetime member
    key_matches: bool | None = None  #: the configured key signs for the registrar
    head_block: int | None = None
    head_time: int | None = None  #: seconds since 1970, chain time
    irreversible_block: int | None = None
    connected: bool = False
    node: str | None = None  #: URL of the node in use, without credentials
    failovers: int = 0
    trouble: str | None = None  #: why no node is in use, for people
    stranger: bool | None = None  #: the node in use is not the operator's own
    waiting: str | None = None  #: why the drain does nothing right now, for people; it passes by itself
    unconfirmed: str | None = None  #: why nothing is taken for final, for people
    unconfirmed_since: int | None = None  #: when that began, milliseconds since 1970, UTC
    premium_fee: int | None = None  #: of a premium name now, satoshi
    assertion_fee: int | None = None  #: that a payment through this node costs besides, satoshi; 0 through an own one
    max_fee: int | None = None  #: the ceiling of a registration's fee, satoshi
    budget: int | None = None  #: what may leave the registrar today, satoshi
    names_complete: bool = False  #: the names cache holds every name of the chain
    seen_at: int | None = None  #: milliseconds since 1970, local clock


@dataclass(frozen=True, slots=True)
class Pin:
    """Something that the chain was at first contact."""

    value: str
    agreed: bool  #: an own node or two nodes said so


class Limits(msgspec.Struct, frozen=True):
    """What acceptance is held to; decided inside the ledger's own transaction."""

    address: str | None  #: the client's IPv4 address or IPv6 /64; None is exempt
    interval: int  #: seconds between two signups of one address
    queue: int  #: jobs that may wait for a drain
    initial_balance: str | None = None  #: what this signup is to be paid, core asset, decimal text
    room_after: int = 60  #: seconds after which more may wait, when as many do


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
    """Trouble that has not ended."""

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
class Recorded:
    """What the ledger has of one operation of a transaction."""

    signature: str  #: of the transaction
    transaction_id: str
    fate: Fate
    name: str  #: of the job's account
    account_id: str | None  #: of the job's account
    in_force: bool  #: the job counts this transaction as its own


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the ledger and the chain disagree."""

    block_num: int
    kind: str
    about: str  #: name of the account, or id of the transaction
    text: str  #: for people


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """A comparison of the ledger with the chain's blocks."""

    number: int
    first_block: int
    last_block: int  #: how far it has come
    registrations: int  #: operations of the registrar in these blocks
    payments: int
    updated_at: int  #: milliseconds since 1970, UTC
