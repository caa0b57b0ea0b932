"""What every part of the ledger shares: the database, the clock, the rows of a job and how it moves."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from jobs.changes import Changes
from jobs.ledger.database import Connection, Database, Row
from jobs.model import MOVES, Fate, Job, Signup, State, state_of

_encode = msgspec.json.Encoder().encode

JOB_SELECT = """
    SELECT jobs.*, registration.id AS transaction_id
    FROM jobs LEFT JOIN transactions AS registration ON registration.number = jobs.registration
"""


class IllegalMoveError(Exception):
    """A job was about to make a move that `jobs.model.MOVES` does not hold: a fault of this program."""


class Book:
    """The database with its clock, and the people who wait for a job."""

    def __init__(self, database: Database, *, clock: Callable[[], float], random_id: Callable[[], str]) -> None:
        self._database = database
        self._clock = clock
        self._random_id = random_id
        self.changes = Changes()

    def _now(self) -> int:
        """Milliseconds since 1970, read once a transaction so that its rows agree."""
        return int(self._clock() * 1000)

    async def _move(self, step: Callable[[Connection], list[str]]) -> None:
        """Run `step` as one transaction, and tell those who wait for the jobs whose ids it returns."""
        self.changes.publish(await self._database.run(step))


def job_of(row: Row) -> Job:
    """The job in a row of JOB_SELECT."""
    return Job(
        number=row["number"],
        id=row["id"],
        signup=signup_of(row),
        state=State(row["state"]),
        account_id=row["account_id"],
        transaction_id=row["transaction_id"],
        block_num=row["block_num"],
        irreversible=bool(row["irreversible"]),
        initial_balance=row["initial_balance"],
        attempts=row["attempts"],
        code=row["code"],
        reason=row["reason"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        registered_at=row["registered_at"],
    )


def signup_of(row: Row) -> Signup:
    """The signup in a row of the table jobs."""
    return Signup(
        name=row["name"],
        owner_key=row["owner_key"],
        active_key=row["active_key"],
        memo_key=row["memo_key"],
        referrer=row["referrer"],
        refcode=row["refcode"],
        email=row["email"],
        real_name=row["real_name"],
    )


def check_move(before: State, after: State) -> None:
    """Raise IllegalMoveError unless a job may go from `before` to `after`."""
    if after not in MOVES[before]:
        raise IllegalMoveError(f"{before} to {after}")


def as_list(values: Iterable[Any]) -> str:
    """`values` as one parameter, for json_each."""
    return _encode(list(values)).decode()


def settle_states(connection: Connection, numbers: Sequence[int], now: int) -> list[str]:
    """Move the jobs `numbers` to where their transactions say they stand; the ids of those that moved.

    Every change of a transaction ends here, so that a job can't disagree with its transactions: what was given
    up is let go, an account in no block any more is forgotten. Jobs that were ended stay ended, unless the
    chain has their account after all.
    """
    rows = connection.execute(
        """
        SELECT jobs.*, registered.fate AS registration_fate, funded.fate AS funding_fate
        FROM jobs
        LEFT JOIN transactions AS registered ON registered.number = jobs.registration
        LEFT JOIN transactions AS funded ON funded.number = jobs.funding
        WHERE jobs.number IN (SELECT value FROM json_each(?))
        """,
        (as_list(numbers),),
    ).fetchall()
    stands = [_Standing(row) for row in rows]
    for standing in stands:
        standing.check()
    connection.executemany(_SETTLE, [standing.columns(now) for standing in stands])
    return [standing.id for standing in stands if standing.moves]


_SETTLE = """
    UPDATE jobs SET
        state = :state,
        registration = :registration,
        funding = :funding,
        account_id = :account_id,
        block_num = :block_num,
        irreversible = :irreversible,
        code = CASE WHEN state = :state THEN code END,
        reason = CASE WHEN state = :state THEN reason END,
        registered_at = CASE WHEN :account_id IS NOT NULL THEN coalesce(registered_at, :now) END,
        updated_at = CASE WHEN state = :state THEN updated_at ELSE :now END
    WHERE number = :number
"""
_GIVEN_UP = frozenset({Fate.REFUSED, Fate.EXPIRED})


class _Standing:
    """What is true of a job by what is known of its transactions."""

    def __init__(self, row: Row) -> None:
        self.id: str = row["id"]
        self._row = row
        registration, funding = _fate(row["registration_fate"]), _fate(row["funding_fate"])
        # Without a registration of ours, the account was found on the chain with the signup's own keys.
        self._in_a_block = registration is None or registration in (Fate.INCLUDED, Fate.IRREVERSIBLE)
        self._registration = None if registration in _GIVEN_UP else registration
        self._funding = None if funding in _GIVEN_UP else funding
        self._before = State(row["state"])
        self._after = self._state()

    @property
    def moves(self) -> bool:
        """Whether the job is to change its state."""
        return self._before is not self._after

    def check(self) -> None:
        """Raise IllegalMoveError if the move is none that a job may make."""
        if self.moves:
            check_move(self._before, self._after)

    def columns(self, now: int) -> dict[str, object]:
        """The job's columns as they must be."""
        row = self._row
        return {
            "number": row["number"],
            "state": self._after,
            "registration": None if self._registration is None else row["registration"],
            "funding": None if self._funding is None else row["funding"],
            "account_id": row["account_id"] if self._in_a_block else None,
            "block_num": row["block_num"] if self._in_a_block else None,
            "irreversible": int(self._in_a_block and row["irreversible"]),
            "now": now,
        }

    def _state(self) -> State:
        account_id = self._row["account_id"] if self._in_a_block else None
        if self._before in (State.FAILED, State.CANCELLED) and account_id is None:
            return self._before
        return state_of(
            registration=self._registration,
            account_id=account_id,
            irreversible=bool(self._row["irreversible"]),
            pays=self._row["initial_balance"] is not None,
            funding=self._funding,
        )


def _fate(value: str | None) -> Fate | None:
    return None if value is None else Fate(value)
