"""What every part of the ledger shares: the database, the clock, the rows of a job and how it moves."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import aiosqlite

from jobs.changes import Changes
from jobs.ledger.database import Database, Row
from jobs.model import MOVES, Fate, Job, Signup, State, state_of

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
    return json.dumps(list(values))


async def settle_states(connection: aiosqlite.Connection, numbers: Sequence[int], now: int) -> list[str]:
    """Move the jobs `numbers` to where their transactions say they stand; the ids of those that moved.

    Every change of a transaction ends here, so that a job's state can't disagree with its transactions.
    Jobs that were ended by hand stay ended, unless the chain has their account after all.
    """
    rows = await connection.execute_fetchall(
        """
        SELECT jobs.number, jobs.id, jobs.state, jobs.account_id, jobs.irreversible, jobs.initial_balance,
               registration.fate AS registration, funding.fate AS funding
        FROM jobs
        LEFT JOIN transactions AS registration ON registration.number = jobs.registration
        LEFT JOIN transactions AS funding ON funding.number = jobs.funding
        WHERE jobs.number IN (SELECT value FROM json_each(?))
        """,
        (as_list(numbers),),
    )
    moves = [(row, before, after) for row in rows if (before := State(row["state"])) != (after := _stands(row))]
    for _, before, after in moves:
        check_move(before, after)
    await connection.executemany(
        """
        UPDATE jobs SET state = ?, updated_at = ?, code = NULL, reason = NULL,
            registered_at = CASE WHEN account_id IS NULL THEN NULL ELSE coalesce(registered_at, ?) END
        WHERE number = ?
        """,
        [(after, now, now, row["number"]) for row, _, after in moves],
    )
    return [row["id"] for row, _, _ in moves]


def _stands(row: Row) -> State:
    state = State(row["state"])
    if state in (State.FAILED, State.CANCELLED) and row["account_id"] is None:
        return state
    return state_of(
        registration=_fate(row["registration"]),
        account_id=row["account_id"],
        irreversible=bool(row["irreversible"]),
        pays=row["initial_balance"] is not None,
        funding=_fate(row["funding"]),
    )


def _fate(value: str | None) -> Fate | None:
    return None if value is None else Fate(value)
