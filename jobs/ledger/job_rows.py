"""A job's columns, as its type declares them, and the state that follows from its transactions."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from jobs.ledger.errors import IllegalMoveError
from jobs.ledger.sql import IN_NUMBERS, Query, columns_of, table_of, to_json
from jobs.ledger.store import Tx
from jobs.model.job import MOVES, Job, State, state_of
from jobs.model.transaction import Fate

#: A job's state, for conditions beside a list of jobs. No index serves it: PostgreSQL would take that of a state which
#: few jobs had when it last counted, and compare each job in it with each of the list.
STATE_OF_LISTED = "jobs.state || ''"

#: The only column of a job that another table holds.
_ELSEWHERE = {"transaction_id": "registration.id AS transaction_id"}
_JOBS = f"""
    SELECT {", ".join(_ELSEWHERE.get(column.name, f"jobs.{column.name}") for column in columns_of(Job))}
    FROM jobs LEFT JOIN transactions AS registration ON registration.number = jobs.registration
"""


def select_jobs(rest: str, *, bulk: bool = False) -> Query[Job]:
    """The jobs for which `rest`, all that comes after FROM, holds."""
    return Query(f"{_JOBS} {rest}", Job, bulk)


class Known(msgspec.Struct, frozen=True):
    """What the ledger knows of a job, and of its transactions."""

    number: int
    id: str
    state: State
    registration: int | None
    funding: int | None
    account_id: str | None
    block_num: int | None
    irreversible: bool
    initial_balance: str | None
    provisional: bool
    registered_at: int | None
    code: str | None
    created_at: int
    replaced: bool  #: it was ended, and a newer signup has its name
    registration_fate: Fate | None
    funding_fate: Fate | None


_OF_ITSELF = (
    "number", "id", "state", "registration", "funding", "account_id", "block_num", "irreversible", "initial_balance",
    "provisional", "registered_at", "code", "created_at",
)  # fmt: skip
KNOWN = Query(
    f"""
    SELECT {", ".join(f"jobs.{column}" for column in _OF_ITSELF)},
           registered.fate AS registration_fate, funded.fate AS funding_fate,
           CASE WHEN jobs.state IN ('failed', 'cancelled') THEN EXISTS (
               SELECT 1 FROM jobs AS newer WHERE newer.name = jobs.name AND newer.number > jobs.number
               AND newer.code IS NULL) ELSE FALSE END AS replaced
    FROM jobs
    LEFT JOIN transactions AS registered ON registered.number = jobs.registration
    LEFT JOIN transactions AS funded ON funded.number = jobs.funding
    WHERE jobs.number {IN_NUMBERS}
    """,
    Known,
    bulk=True,
)
#: The columns of a job that follow from its transactions.
_DERIVED = (
    "state", "registration", "funding", "account_id", "block_num", "irreversible", "provisional", "registered_at",
    "code",
)  # fmt: skip
_GIVEN_UP = frozenset({Fate.REFUSED, Fate.EXPIRED})

Columns = tuple[Any, ...]  #: what a job has in those of _DERIVED
_columns: Callable[[Any], Columns] = attrgetter(*_DERIVED)


@cache
def derive_statement(alike: tuple[str, ...], derived: tuple[str, ...], *, moves: bool) -> str:
    """Writes what is `alike` in all jobs, as assignments; the time, if they move; and the columns `derived` of each.

    What is not written needs no index to be written anew.
    """
    moved = ("reason = NULL", "updated_at = ?") if moves else ()
    written = ", ".join([*alike, *moved, *(f"{column} = derived.{column}" for column in derived)])
    if not derived:
        return f"UPDATE jobs SET {written} WHERE number {IN_NUMBERS}"
    table = table_of(("number", *derived))
    return f"UPDATE jobs SET {written} FROM {table} AS derived WHERE jobs.number = derived.number"


def _as_known(known: Known) -> Known:
    return known


def derive_states(
    tx: Tx, numbers: Sequence[int], learned: Callable[[Known], Known] = _as_known
) -> list[tuple[Known, State]]:
    """Move the jobs `numbers` to where their transactions say they stand; those that moved, and to which state.

    What is `learned` of each just now is written with its state: each time that PostgreSQL writes a job, it writes all
    of its indexes. Raises IllegalMoveError.

    Every change of a transaction ends here, so that a job can't disagree with its transactions: what was given
    up is let go, an account in no block any more is forgotten. Jobs that were ended stay ended, unless the
    chain has their account after all.
    """
    changes = list(_changes(tx.rows(KNOWN, (to_json(numbers),)), learned, tx.now))
    moves = [change for change in changes if change.state is not change.job.state]
    _write(tx, moves, moves=True)
    _write(tx, [change for change in changes if change.state is change.job.state], moves=False)
    tx.moved.extend(change.job.id for change in moves)
    return [(change.job, change.state) for change in moves]


def check_move(before: State, after: State) -> None:
    """Raise IllegalMoveError unless a job may go from `before` to `after`."""
    if after not in MOVES[before]:
        raise IllegalMoveError(f"{before} to {after}")


class _Change(NamedTuple):
    """A job whose columns are not what they must be."""

    job: Known
    before: Columns
    after: Columns
    state: State  #: the one that it must have


def _changes(known: Iterable[Known], learned: Callable[[Known], Known], now: int) -> Iterator[_Change]:
    for job in known:
        before, after = _columns(job), _derived(learned(job), now)
        if before != after:
            yield _Change(job, before, after, after[0])


def _write(tx: Tx, changes: Sequence[_Change], *, moves: bool) -> None:
    if not changes:
        return
    columns = _differing(changes)
    alike = {name: values[0] for name, values in columns.items() if len(set(values)) == 1}
    derived = {name: values for name, values in columns.items() if name not in alike}
    numbers = [change.job.number for change in changes]
    tx.execute(
        derive_statement(tuple(map(_assignment, alike, alike.values())), tuple(derived), moves=moves),
        [
            *(value for value in alike.values() if not isinstance(value, bool)),
            *([tx.now] if moves else []),
            to_json(zip(numbers, *derived.values(), strict=True) if derived else numbers),
        ],
    )


def _differing(changes: Sequence[_Change]) -> dict[str, Columns]:
    """The columns that any of the jobs must have another value in, each with those of all."""
    before = zip(*(change.before for change in changes), strict=True)
    after = zip(*(change.after for change in changes), strict=True)
    return {name: values for name, was, values in zip(_DERIVED, before, after, strict=True) if values != was}


def _assignment(column: str, value: object) -> str:
    return f"{column} = {str(value).upper() if isinstance(value, bool) else '?'}"


def _derived(known: Known, now: int) -> Columns:
    """The job's columns as they must be. Raises IllegalMoveError if it may not get there."""
    derived = _derive_state(
        known.state,
        known.registration_fate,
        known.funding_fate,
        has_account=known.account_id is not None,
        irreversible=known.irreversible,
        pays=known.initial_balance is not None,
    )
    return (
        derived.state,
        known.registration if derived.is_registering else None,
        known.funding if derived.is_funding else None,
        known.account_id if derived.in_a_block else None,
        known.block_num if derived.in_a_block else None,
        derived.in_a_block and known.irreversible,
        known.provisional,
        (known.registered_at or now) if derived.has_account else None,
        known.code if derived.state is known.state else None,
    )


class _DerivedState(NamedTuple):
    """Where a job stands by what is known of it."""

    state: State
    is_registering: bool  #: its registration is not given up
    is_funding: bool  #: nor is its funding
    in_a_block: bool  #: its registration may be
    has_account: bool


@cache
def _derive_state(
    before: State,
    registration: Fate | None,
    funding: Fate | None,
    *,
    has_account: bool,
    irreversible: bool,
    pays: bool,
) -> _DerivedState:
    # Without a registration of ours, the account was found on the chain with the signup's own keys.
    in_a_block = registration in (None, Fate.INCLUDED, Fate.IRREVERSIBLE)
    has_account = has_account and in_a_block
    live = [None if fate in _GIVEN_UP else fate for fate in (registration, funding)]
    state = before
    if has_account or before not in (State.FAILED, State.CANCELLED):
        state = state_of(
            registration=live[0], has_account=has_account, irreversible=irreversible, pays=pays, funding=live[1]
        )
    if state is not before:
        check_move(before, state)
    return _DerivedState(state, live[0] is not None, live[1] is not None, in_a_block, has_account)
