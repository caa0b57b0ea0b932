"""What every part of the ledger shares: the database, the clock, the rows of a job and how it moves."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from jobs.ledger.changes import Changes
from jobs.ledger.database import Connection, Database, Result, Row
from jobs.model.job import MOVES, Job, Signup, State, state_of
from jobs.model.transaction import Fate

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[dict[str, Any]]).decode

JOB_SELECT = """
    SELECT jobs.*, registration.id AS transaction_id
    FROM jobs LEFT JOIN transactions AS registration ON registration.number = jobs.registration
"""
#: What job_of reads.
JOB_COLUMNS = (
    "number", "id", "name", "owner_key", "active_key", "memo_key", "referrer", "refcode", "email", "real_name",
    "state", "account_id", "transaction_id", "block_num", "irreversible", "initial_balance", "attempts", "code",
    "reason", "created_at", "updated_at", "registered_at", "sent_referrer",
)  # fmt: skip

Columns = Row | Mapping[str, Any]  #: a row, by the names of its columns


class IllegalMoveError(Exception):
    """A job was about to make a move that `jobs.model.job.MOVES` does not hold: a fault of this program."""


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

    async def _move(self, step: Callable[[Connection], list[str]]) -> list[str]:
        """The ids of the jobs that `step`, one transaction, moved; who waits for them is told."""
        moved = await self._database.run(step)
        self.changes.publish(moved)
        return moved

    async def _move_and(self, step: Callable[[Connection], tuple[Result, list[str]]]) -> Result:
        """What `step`, one transaction, returns beside the ids of the jobs that it moved; the same."""
        result, moved = await self._database.run(step)
        self.changes.publish(moved)
        return result


def job_of(row: Columns) -> Job:
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
        sent_referrer=row["sent_referrer"],
    )


def signup_of(row: Columns) -> Signup:
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


# For each row that is read or written by itself the thread waits for the interpreter, which a crowd keeps busy: to
# write two thousand jobs ahead took half a second. So what comes in thousands goes to SQLite and back as one value.


def as_rows(columns: Iterable[str]) -> str:
    """A table of one parameter: as_list of its rows, each a list of `columns`."""
    named = ", ".join(f"json_extract(value, '$[{place}]') AS {column}" for place, column in enumerate(columns))
    return f"(SELECT {named} FROM json_each(?))"


def at_once(columns: Iterable[str], query: str) -> str:
    """`query` with `columns` of all its rows in one value, for rows_of."""
    named = ", ".join(f"'{column}', {column}" for column in columns)
    return f"SELECT json_group_array(json_object({named})) FROM ({query})"


def rows_of(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows of a query made by at_once."""
    return _decode(rows[0][0])


_NAMES = ("name", "account_id", "block_num", "listed_by")
# What two nodes show, or an own one, is known of nobody alone; '' stands for nobody at all.
NAME = f"""
    INSERT INTO names ({", ".join(_NAMES)}) SELECT * FROM {as_rows(_NAMES)} WHERE TRUE
    ON CONFLICT (name) DO UPDATE SET
        listed_by = CASE names.listed_by WHEN '' THEN excluded.listed_by END,
        block_num = CASE names.listed_by WHEN '' THEN excluded.block_num ELSE names.block_num END
    WHERE names.listed_by IS NOT NULL AND names.listed_by IS NOT excluded.listed_by
"""


#: Whether a name of the cache refuses signups: one that only a stranger showed does as long as he is in use.
NAME_COUNTS = (
    "(listed_by IS NULL OR listed_by = (SELECT json_extract(value, '$') FROM facts WHERE name = 'names_node'))"
)


def put_accounts(
    connection: Connection, accounts: Iterable[tuple[str, str]], block_num: int | None, *, listed_by: str | None = None
) -> None:
    """Keep (name, account id) of accounts on the chain, `block_num` None where their block is not known.

    `listed_by` is the URL of the stranger that showed them; None if it was an own node.
    """
    rows = ((name, account_id, block_num, listed_by) for name, account_id in accounts)
    connection.execute(NAME, (as_list(rows),))


def derive_states(connection: Connection, numbers: Sequence[int], now: int) -> list[str]:
    """Move the jobs `numbers` to where their transactions say they stand; the ids of those that moved.

    Every change of a transaction ends here, so that a job can't disagree with its transactions: what was given
    up is let go, an account in no block any more is forgotten. Jobs that were ended stay ended, unless the
    chain has their account after all.
    """
    rows = rows_of(connection.execute(STANDINGS, (as_list(numbers),)).fetchall())
    stands = [_DerivedState(row) for row in rows]
    for standing in stands:
        standing.check()
    connection.execute(SETTLE, (now, now, as_list(standing.columns for standing in stands)))
    return [standing.id for standing in stands if standing.moves]


STANDINGS = at_once(
    (
        "number", "id", "state", "registration", "funding", "account_id", "block_num", "irreversible",
        "initial_balance", "registration_fate", "funding_fate",
    ),
    """
    SELECT jobs.*, registered.fate AS registration_fate, funded.fate AS funding_fate
    FROM jobs
    LEFT JOIN transactions AS registered ON registered.number = jobs.registration
    LEFT JOIN transactions AS funded ON funded.number = jobs.funding
    WHERE jobs.number IN (SELECT value FROM json_each(?))
    """,
)  # fmt: skip
_SETTLED = ("number", "state", "registration", "funding", "account_id", "block_num", "irreversible")
SETTLE = f"""
    UPDATE jobs SET
        state = settled.state,
        registration = settled.registration,
        funding = settled.funding,
        account_id = settled.account_id,
        block_num = settled.block_num,
        irreversible = settled.irreversible,
        code = CASE WHEN jobs.state = settled.state THEN code END,
        reason = CASE WHEN jobs.state = settled.state THEN reason END,
        registered_at = CASE WHEN settled.account_id IS NOT NULL THEN coalesce(registered_at, ?) END,
        updated_at = CASE WHEN jobs.state = settled.state THEN updated_at ELSE ? END
    FROM {as_rows(_SETTLED)} AS settled
    WHERE jobs.number = settled.number
"""
_GIVEN_UP = frozenset({Fate.REFUSED, Fate.EXPIRED})


class _DerivedState:
    """What is true of a job by what is known of its transactions."""

    def __init__(self, row: Columns) -> None:
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

    @property
    def columns(self) -> tuple[int | str | None, ...]:
        """The job's columns as they must be, those of _SETTLED."""
        row = self._row
        return (
            row["number"],
            self._after,
            None if self._registration is None else row["registration"],
            None if self._funding is None else row["funding"],
            row["account_id"] if self._in_a_block else None,
            row["block_num"] if self._in_a_block else None,
            int(self._in_a_block and row["irreversible"]),
        )

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
