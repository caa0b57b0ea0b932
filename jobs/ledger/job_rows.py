"""A job's columns, as its type declares them, and the state that follows from its transactions."""

from collections.abc import Callable, Sequence

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
    replaced: bool  #: it was ended, and a newer signup has its name
    registration_fate: Fate | None
    funding_fate: Fate | None


_OF_ITSELF = (
    "number", "id", "state", "registration", "funding", "account_id", "block_num", "irreversible", "initial_balance",
    "provisional",
)  # fmt: skip
KNOWN = Query(
    f"""
    SELECT {", ".join(f"jobs.{column}" for column in _OF_ITSELF)},
           registered.fate AS registration_fate, funded.fate AS funding_fate,
           jobs.state IN ('failed', 'cancelled') AND EXISTS (
               SELECT 1 FROM jobs AS newer WHERE newer.name = jobs.name AND newer.number > jobs.number
               AND newer.state NOT IN ('failed', 'cancelled')) AS replaced
    FROM jobs
    LEFT JOIN transactions AS registered ON registered.number = jobs.registration
    LEFT JOIN transactions AS funded ON funded.number = jobs.funding
    WHERE jobs.number {IN_NUMBERS}
    """,
    Known,
    bulk=True,
)
_DERIVED = ("number", "state", "registration", "funding", "account_id", "block_num", "irreversible", "provisional")
DERIVE = f"""
    UPDATE jobs SET
        state = derived.state,
        registration = derived.registration,
        funding = derived.funding,
        account_id = derived.account_id,
        block_num = derived.block_num,
        irreversible = derived.irreversible,
        provisional = derived.provisional,
        code = CASE WHEN jobs.state = derived.state THEN code END,
        reason = CASE WHEN jobs.state = derived.state THEN reason END,
        registered_at = CASE WHEN derived.account_id IS NOT NULL THEN coalesce(registered_at, ?) END,
        updated_at = CASE WHEN jobs.state = derived.state THEN updated_at ELSE ? END
    FROM {table_of(_DERIVED)} AS derived
    WHERE jobs.number = derived.number
"""
_GIVEN_UP = frozenset({Fate.REFUSED, Fate.EXPIRED})


def _as_known(known: Known) -> Known:
    return known


def derive_states(tx: Tx, numbers: Sequence[int], learned: Callable[[Known], Known] = _as_known) -> None:
    """Move the jobs `numbers` to where their transactions say they stand. Raises IllegalMoveError.

    What is `learned` of each just now is written with its state: each time that PostgreSQL writes a job, it writes all
    of its indexes.

    Every change of a transaction ends here, so that a job can't disagree with its transactions: what was given
    up is let go, an account in no block any more is forgotten. Jobs that were ended stay ended, unless the
    chain has their account after all.
    """
    derived = [_DerivedState(learned(known)) for known in tx.rows(KNOWN, (to_json(numbers),))]
    tx.execute(DERIVE, (tx.now, tx.now, to_json(each.columns for each in derived)))
    tx.moved.extend(each.known.id for each in derived if each.moves)


def check_move(before: State, after: State) -> None:
    """Raise IllegalMoveError unless a job may go from `before` to `after`."""
    if after not in MOVES[before]:
        raise IllegalMoveError(f"{before} to {after}")


class _DerivedState:
    """Where a job stands by what is known of it. Raises IllegalMoveError if it may not get there."""

    def __init__(self, known: Known) -> None:
        self.known = known
        # Without a registration of ours, the account was found on the chain with the signup's own keys.
        self._in_a_block = known.registration_fate in (None, Fate.INCLUDED, Fate.IRREVERSIBLE)
        self._registration = None if known.registration_fate in _GIVEN_UP else known.registration_fate
        self._funding = None if known.funding_fate in _GIVEN_UP else known.funding_fate
        self._state = self._derive()
        if self.moves:
            check_move(known.state, self._state)

    @property
    def moves(self) -> bool:
        """Whether the job is to change its state."""
        return self.known.state is not self._state

    @property
    def columns(self) -> tuple[int | str | None, ...]:
        """The job's columns as they must be, those of _DERIVED."""
        known = self.known
        return (
            known.number,
            self._state,
            None if self._registration is None else known.registration,
            None if self._funding is None else known.funding,
            known.account_id if self._in_a_block else None,
            known.block_num if self._in_a_block else None,
            int(self._in_a_block and known.irreversible),
            int(known.provisional),
        )

    def _derive(self) -> State:
        account_id = self.known.account_id if self._in_a_block else None
        if self.known.state in (State.FAILED, State.CANCELLED) and account_id is None:
            return self.known.state
        return state_of(
            registration=self._registration,
            account_id=account_id,
            irreversible=self.known.irreversible,
            pays=self.known.initial_balance is not None,
            funding=self._funding,
        )
