"""Pure decisions of a drain: what goes into which transaction, and what a refusal means for whom."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from msgspec import Raw

from chain.refusals import Cause, Refusal
from chain.registrations import with_encoded_fee
from jobs.conditions.sentences import BALANCE_REFUSED, KEY_REFUSED, MEMBER_REFUSED
from jobs.errors import Code
from jobs.ledger.drain import Reason
from jobs.model.job import Job

#: Bytes of a signed transaction beside its operations: header, counts, one signature; rounded up.
ENVELOPE = 82
#: Operations in one transaction at the most: above some 15,700 a node answers an error after it took them.
MAX_OPERATIONS = 1000
#: Tries of a signup that the chain refuses without a clear cause.
MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class Assertion:
    """That an account id bears a name: the chain refuses a transaction in which that is untrue."""

    account_id: str
    name: str
    size: int  #: bytes in a transaction
    fee: int  #: satoshi


@dataclass(frozen=True, slots=True)
class Candidate:
    """A job with the operation that serves it."""

    job: Job
    encoded: bytes  #: the operation's JSON, without a fee
    packed: bytes  #: the operation as it is signed, but for its fee
    fee: int  #: satoshi
    cost: int  #: what the registrar must have for it, fees included, satoshi
    assertions: tuple[Assertion, ...] = ()  #: that its transaction must carry
    referrer: str | None = None  #: name of the account that a registration names

    @property
    def operation(self) -> Raw:
        """The operation's JSON, as it is sent."""
        return with_encoded_fee(self.encoded, self.fee)

    @property
    def size(self) -> int:
        """Bytes in a transaction."""
        return len(self.packed)


@dataclass(frozen=True, slots=True)
class RefusalPlan:
    """What to do after a node refused a transaction."""

    rejected: dict[int, Reason] = field(default_factory=dict)  #: jobs that fail for good
    again: tuple[tuple[Candidate, ...], ...] = ()  #: to be sent again at once, each in its own transaction
    counted: bool = False  #: the jobs that go back to the queue have used up a try
    obstacle: str | None = None  #: why no other signup could be registered now either
    known: bool = False  #: the node has this very transaction


def pack_transactions(candidates: Iterable[Candidate], maximum_size: int) -> list[tuple[Candidate, ...]]:
    """`candidates` in as few transactions of at most `maximum_size` bytes as their order allows."""
    transactions: list[list[Candidate]] = []
    size, asserted = maximum_size, set[Assertion]()
    for candidate in candidates:
        if size + _size(candidate, asserted) > maximum_size or len(transactions[-1]) == MAX_OPERATIONS:
            transactions.append([])
            size, asserted = ENVELOPE, set()
        transactions[-1].append(candidate)
        size += _size(candidate, asserted)
        asserted.update(candidate.assertions)
    return [tuple(transaction) for transaction in transactions]


def _size(candidate: Candidate, asserted: set[Assertion]) -> int:
    """Bytes that `candidate` adds to a transaction that holds the assertions `asserted`."""
    if not candidate.assertions:
        return candidate.size
    return candidate.size + sum(each.size for each in candidate.assertions if each not in asserted)


def assertions_of(group: Iterable[Candidate]) -> list[Assertion]:
    """What the transaction of `group` must assert, each once."""
    return list(dict.fromkeys(assertion for candidate in group for assertion in candidate.assertions))


def cost_of(group: Sequence[Candidate]) -> int:
    """Satoshi that the transaction of `group` takes from the registrar."""
    alone = sum(candidate.cost - sum(each.fee for each in candidate.assertions) for candidate in group)
    return alone + sum(assertion.fee for assertion in assertions_of(group))


def before_fee_step(registered: int, accounts_per_fee_scale: int, bitshifts: int) -> int | None:
    """How many more accounts may be registered at the present fee; None: any number.

    After every `accounts_per_fee_scale` registrations of a maintenance interval the chain shifts the basic
    fee left by `bitshifts`, and refuses a transaction across that step whole (account_evaluator.cpp).
    """
    if not bitshifts or not accounts_per_fee_scale:
        return None
    return accounts_per_fee_scale - registered % accounts_per_fee_scale


def affordable(candidates: Sequence[Candidate], balance: int, *, each: int = 0) -> Sequence[Candidate]:
    """The first of `candidates` that `balance`, satoshi, pays for together, `each` to cost so much more later."""
    total = accumulate(candidate.cost + each for candidate in candidates)
    return candidates[: sum(cost <= balance for cost in total)]


def split_by_reason(
    candidates: Iterable[Candidate], reason_of: Callable[[Candidate], str | None]
) -> tuple[list[Candidate], dict[int, str]]:
    """Those of `candidates` against which nothing speaks; of the others, job numbers with the reason."""
    reasons = [(candidate, reason_of(candidate)) for candidate in candidates]
    free = [candidate for candidate, reason in reasons if reason is None]
    return free, {candidate.job.number: reason for candidate, reason in reasons if reason is not None}


def handle_refusal(candidates: tuple[Candidate, ...], refusal: Refusal) -> RefusalPlan:
    """What the refusal of a registration that carried `candidates` means for each of them.

    Innocent signups never fail for a neighbour. Those in no field of the verdict go back to the queue.
    """
    if refusal.cause in _SAYS_NOTHING_OF_A_JOB:
        return _SAYS_NOTHING_OF_A_JOB[refusal.cause]
    position = position_of(candidates, refusal)
    if refusal.cause is Cause.FEE_TOO_LOW:
        # The later ones owe more than was asked a moment ago: the next drain asks again.
        return RefusalPlan(again=_groups(candidates[: position or 0]))
    if position is not None:
        return _isolate(candidates, position, refusal)
    if len(candidates) > 1:
        half = len(candidates) // 2
        return RefusalPlan(again=(candidates[:half], candidates[half:]))
    return _blame(candidates[0], refusal)


def _isolate(candidates: tuple[Candidate, ...], position: int, refusal: Refusal) -> RefusalPlan:
    others = _groups(candidates[:position] + candidates[position + 1 :])
    if refusal.cause is Cause.NAME_TAKEN:
        # The next drain looks the name up: it may be ours, from an earlier try.
        return RefusalPlan(again=others)
    blame = _blame(candidates[position], refusal)
    return RefusalPlan(rejected=blame.rejected, again=others, counted=blame.counted)


def _blame(candidate: Candidate, refusal: Refusal) -> RefusalPlan:
    code = _AT_ONCE.get(refusal.cause)
    if code is None and candidate.job.attempts + 1 < MAX_TRIES:
        return RefusalPlan(counted=True)
    sentence = f"The chain refused the account: {refusal.text}"
    return RefusalPlan(rejected={candidate.job.number: (code or Code.CHAIN_REFUSED, sentence)})


def _groups(candidates: tuple[Candidate, ...]) -> tuple[tuple[Candidate, ...], ...]:
    return (candidates,) if candidates else ()


def position_of(candidates: Sequence[Candidate], refusal: Refusal) -> int | None:
    """The place in `candidates` of the one whose operation the node names; None where it names none of them."""
    if refusal.operation is None:
        return None
    name = refusal.operation[1].get("name")
    names = [candidate.job.signup.name for candidate in candidates]
    return names.index(name) if name in names else None


_NO_MONEY = RefusalPlan(obstacle=BALANCE_REFUSED)
_NO_MEMBER = RefusalPlan(obstacle=MEMBER_REFUSED)
_WRONG_KEY = RefusalPlan(obstacle=KEY_REFUSED)
_SIGN_ANEW = RefusalPlan()

_SAYS_NOTHING_OF_A_JOB = {
    Cause.KNOWN: RefusalPlan(known=True),
    Cause.INSUFFICIENT_BALANCE: _NO_MONEY,
    Cause.NOT_LIFETIME_MEMBER: _NO_MEMBER,
    Cause.MISSING_AUTHORITY: _WRONG_KEY,
    Cause.IRRELEVANT_SIGNATURE: _WRONG_KEY,
    Cause.EXPIRED: _SIGN_ANEW,
    Cause.EXPIRATION_TOO_FAR: _SIGN_ANEW,
    Cause.UNKNOWN_REFERENCE: _SIGN_ANEW,
    Cause.ASSERTION_FAILED: RefusalPlan(
        obstacle="The node gave an account id that the chain knows under another name."
    ),
}
_AT_ONCE = {Cause.INVALID_NAME: Code.INVALID_NAME, Cause.INVALID_KEY: Code.INVALID_KEY}
