"""What operators do to jobs and to the faucet: each deed and its entry in the audit are one transaction."""

from collections.abc import Iterable, Sequence

from jobs.errors import Code, FaucetError
from jobs.ledger.book import Book, as_list, check_move, derive_states
from jobs.ledger.database import Connection
from jobs.ledger.expiry import EXPIRE
from jobs.ledger.following import forget_blocks
from jobs.model.job import State
from jobs.model.operators import AuditEntry
from jobs.model.transaction import Fate

_FROM = {
    State.CANCELLED: (State.QUEUED,),
    State.FAILED: (State.QUEUED,),
    State.QUEUED: (State.FAILED, State.CANCELLED),
}


_DEEDS = {"retry": State.QUEUED, "cancel": State.CANCELLED, "fail": State.FAILED}

_HELD = """
    SELECT transactions.number, jobs.number AS job FROM jobs
    JOIN transactions ON transactions.number = jobs.funding
    WHERE jobs.id = ? AND transactions.fate = 'live' AND transactions.held IS NOT NULL
"""
#: The oldest block of which something may still change, and how many blocks are remembered.
_FOLLOWED = """
    SELECT coalesce(min(first), 0), (SELECT count(*) FROM blocks) FROM (
        SELECT min(number) AS first FROM blocks
        UNION ALL SELECT min(block_num) FROM transactions WHERE fate = 'included')
"""
# By their state, which SQLite would take for common once somebody had a large ledger analysed.
OWED = """
    SELECT count(*) FROM jobs INDEXED BY jobs_by_state
    WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL
"""
WAIVE = """
    UPDATE jobs INDEXED BY jobs_by_state SET initial_balance = NULL
    WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL
    RETURNING number
"""


def deeds(state: State) -> list[str]:
    """What an operator can do to a job in `state`."""
    return [deed for deed, to in _DEEDS.items() if state in _FROM[to]]


class Steering(Book):
    """Every deed says by whom, and why."""

    async def cancel(self, job_ids: Sequence[str], *, by: str, reason: str) -> list[str]:
        """End jobs of which nothing has left, all or none; their ids.

        Raises FaucetError `not_found`, or `bad_request` if one is not queued.
        """
        return await self._steer("cancel", job_ids, State.CANCELLED, by=by, reason=reason, code=Code.CANCELLED)

    async def fail_by_hand(self, job_ids: Sequence[str], *, by: str, reason: str) -> list[str]:
        """Refuse jobs of which nothing has left, all or none; their ids. Who signed up is told `reason`.

        Raises FaucetError `not_found`, or `bad_request` if one is not queued.
        """
        return await self._steer("fail", job_ids, State.FAILED, by=by, reason=reason, code=Code.REJECTED)

    async def retry(self, job_ids: Sequence[str], *, by: str, reason: str = "") -> list[str]:
        """Queue failed or cancelled jobs again, all or none; their ids.

        Raises FaucetError `not_found`, `bad_request` if one is neither failed nor cancelled, or
        `account_exists` if a newer job has its name.
        """
        return await self._steer("retry", job_ids, State.QUEUED, by=by, reason=reason, code=None)

    async def pause(self, part: str, *, by: str, reason: str) -> None:
        """Let `part`, `intake` or `drain`, stand still until an operator resumes it."""

        def step(connection: Connection) -> None:
            connection.execute(
                "INSERT INTO pauses (part, reason, by, since) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (part) DO UPDATE SET reason = ?2, by = ?3, automatic = 0",
                (part, reason, by, self._now()),
            )
            self._write_down(connection, by, "pause", part, reason)

        await self._database.run(step)

    async def resume(self, part: str, *, by: str, reason: str = "") -> None:
        """Let `part` go on, whoever paused it. What is not paused stays as it is."""

        def step(connection: Connection) -> None:
            connection.execute("DELETE FROM pauses WHERE part = ?", (part,))
            self._write_down(connection, by, "resume", part, reason)

        await self._database.run(step)

    async def release_payments(self, job_ids: Sequence[str], *, by: str, reason: str = "") -> list[str]:
        """Give up the held payments of jobs, all or none, so that others pay them; the ids of all jobs that moved.

        The operator vouches that no block holds them. Raises FaucetError `not_found`, or `bad_request` if a job's
        payment is not held.
        """
        now = self._now()

        def step(connection: Connection) -> list[str]:
            dead = {_held_payment(connection, job_id) for job_id in job_ids}
            for job_id in job_ids:
                self._write_down(connection, by, "release", job_id, reason)
            connection.executemany(EXPIRE, [(Fate.EXPIRED, now, number) for number in dead])
            return derive_states(connection, _served(connection, dead), now)

        return await self._move(step)

    async def owed(self) -> int:
        """How many jobs wait for an initial balance that is not signed."""
        rows = await self._database.read(OWED)
        return int(rows[0][0])

    async def waive(self, *, by: str, reason: str = "") -> int:
        """Pay no initial balance to the jobs that wait for one and have none signed; how many there were."""
        now = self._now()

        def step(connection: Connection) -> tuple[int, list[str]]:
            rows = connection.execute(WAIVE)
            jobs = [row["number"] for row in rows.fetchall()]
            self._write_down(connection, by, "waive", "", reason)
            return len(jobs), derive_states(connection, jobs, now)

        return await self._move_and(step)

    async def refollow(self, *, by: str, reason: str = "") -> int:
        """Forget the blocks that were followed, so that they are read anew from the node in use; how many there were.

        Transactions in blocks that are not irreversible wait for a block again, as after a fork.
        """
        now = self._now()

        def step(connection: Connection) -> tuple[int, list[str]]:
            first, blocks = connection.execute(_FOLLOWED).fetchone()
            self._write_down(connection, by, "refollow", str(first), reason)
            # What these blocks showed refuses nobody until a block or a list shows it again.
            connection.execute("UPDATE names SET listed_by = '', block_num = NULL WHERE block_num >= ?", (first,))
            _, moved = forget_blocks(connection, first, now)
            return int(blocks), moved

        return await self._move_and(step)

    async def note(self, *, who: str, what: str, target: str = "", why: str = "") -> None:
        """Write down a deed that changes nothing in the ledger, such as a login."""
        await self._database.run(lambda connection: self._write_down(connection, who, what, target, why))

    async def audit(self, *, before: int | None = None, target: str | None = None, limit: int = 50) -> list[AuditEntry]:
        """What operators did, to `target` where given, the newest first; those before number `before`."""
        wanted = {"number < ?": before, "target = ?": target}
        conditions = {condition: value for condition, value in wanted.items() if value is not None}
        where = " AND ".join(conditions) or "TRUE"
        rows = await self._database.read(
            f"SELECT number, at, who, what, target, why FROM audit WHERE {where} ORDER BY number DESC LIMIT ?",
            (*conditions.values(), limit),
        )
        return [AuditEntry(*row) for row in rows]

    async def _steer(
        self, what: str, job_ids: Sequence[str], state: State, *, by: str, reason: str, code: Code | None
    ) -> list[str]:
        told = None if code is None else reason

        def step(connection: Connection) -> list[str]:
            for job_id in job_ids:
                _check_steering(connection, job_id, state)
                connection.execute(
                    "UPDATE jobs SET state = ?, code = ?, reason = ?, retry_at = 0, updated_at = ? WHERE id = ?",
                    (state, code, told, self._now(), job_id),
                )
                self._write_down(connection, by, what, job_id, reason)
            return list(job_ids)

        return await self._move(step)

    def _write_down(self, connection: Connection, who: str, what: str, target: str, why: str) -> None:
        connection.execute(
            "INSERT INTO audit (at, who, what, target, why) VALUES (?, ?, ?, ?, ?)",
            (self._now(), who, what, target, why),
        )


def _held_payment(connection: Connection, job_id: str) -> int:
    row = connection.execute(_HELD, (job_id,)).fetchone()
    if row is not None:
        return int(row["number"])
    if connection.execute("SELECT 1 FROM jobs WHERE id = ?", (job_id,)).fetchone() is None:
        raise FaucetError(Code.NOT_FOUND, f"No job has the id {job_id}.")
    raise FaucetError(Code.BAD_REQUEST, f"No payment of job {job_id} is held.")


def _served(connection: Connection, transactions: Iterable[int]) -> list[int]:
    rows = connection.execute(
        "SELECT job FROM operations WHERE txn IN (SELECT value FROM json_each(?))", (as_list(transactions),)
    )
    return [row["job"] for row in rows]


def _check_steering(connection: Connection, job_id: str, to: State) -> None:
    rows = connection.execute(
        """
        SELECT state, EXISTS (
            SELECT 1 FROM jobs AS other WHERE other.name = jobs.name AND other.number <> jobs.number
            AND other.state NOT IN ('failed', 'cancelled')) AS replaced
        FROM jobs WHERE id = ?
        """,
        (job_id,),
    ).fetchall()
    if not rows:
        raise FaucetError(Code.NOT_FOUND, f"No job has the id {job_id}.")
    state = State(rows[0]["state"])
    if state not in _FROM[to]:
        raise FaucetError(Code.BAD_REQUEST, f"Job {job_id} is {state}, so it can't be {to}.")
    check_move(state, to)
    if rows[0]["replaced"]:
        raise FaucetError(Code.ACCOUNT_EXISTS, f"A newer signup has the name of job {job_id}.")
