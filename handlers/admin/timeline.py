"""What happened to a job, in order. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from jobs.errors import Code
from jobs.ledger.search import SignedFor
from jobs.model.job import Job, State
from jobs.model.operators import AuditEntry
from jobs.model.transaction import Fate, Kind

WHAT = {Kind.REGISTRATION: "Registration", Kind.FUNDING: "Initial balance"}

_FATES = {
    Fate.INCLUDED: ("in a block", "Block {block} holds it; that block may yet be orphaned."),
    Fate.IRREVERSIBLE: ("irreversible", "Block {block} holds it for good."),
    Fate.REFUSED: ("refused", "The node did not take it."),
    Fate.EXPIRED: ("given up", "It expired, and can never be in a block any more."),
}
_GOOD = (Fate.INCLUDED, Fate.IRREVERSIBLE)
#: Codes of jobs that an operator ended: the audit has it.
_BY_HAND = (Code.CANCELLED, Code.REJECTED)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a job."""

    at: int  #: milliseconds since 1970, UTC
    title: str
    text: str
    tone: str  #: done, bad, or note: what an operator did


def timeline(job: Job, signed: Sequence[SignedFor], audit: Sequence[AuditEntry]) -> list[Event]:
    """Everything known of the way of `job`, the oldest first; `audit` are the entries about it."""
    return sorted([*_chain(job, signed), *_people(audit)], key=attrgetter("at"))


def _chain(job: Job, signed: Sequence[SignedFor]) -> Iterator[Event]:
    yield Event(job.created_at, "Accepted", "The signup was on disk, and answered.", "done")
    for one in signed:
        transaction = one.transaction
        yield Event(one.signed_at, f"{WHAT[transaction.kind]} signed", f"Transaction {transaction.id}.", "done")
    if job.registered_at is not None and job.block_num is not None:
        text = f"Account {job.account_id} is in block {job.block_num:,}."
        yield Event(job.registered_at, "Registered", text, "done")
    for one in signed:
        yield from _fate(one)
    if job.state is State.DONE:
        yield Event(job.updated_at, "Done", "All of it is irreversible.", "done")
    if job.state is State.FAILED and job.code not in _BY_HAND:
        yield Event(job.updated_at, "Failed", job.reason or "", "bad")


def _fate(one: SignedFor) -> Iterator[Event]:
    transaction = one.transaction
    # The event of the account itself shows that a registration is in a block.
    has_own_event = transaction.fate is Fate.INCLUDED and transaction.kind is Kind.REGISTRATION
    if transaction.fate is Fate.LIVE or has_own_event:
        return
    end, text = _FATES[transaction.fate]
    tone = "done" if transaction.fate in _GOOD else "bad"
    text = text.format(block=f"{transaction.block_num or 0:,}")
    yield Event(one.learned_at, f"{WHAT[transaction.kind]} {end}", text, tone)


def _people(audit: Sequence[AuditEntry]) -> Iterator[Event]:
    for entry in reversed(audit):
        yield Event(entry.at, f"{entry.what.capitalize()} by {entry.who}", entry.why, "note")
