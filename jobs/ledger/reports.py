"""What pages, metrics and operators ask, and what operators change by hand."""

from collections.abc import Sequence

import aiosqlite

from jobs.errors import Code, FaucetError
from jobs.ledger.book import JOB_SELECT, Book, check_move, job_of
from jobs.model import Job, State


class Reports(Book):
    """Reads for people, and the two things that an operator does to a job."""

    async def job(self, job_id: str) -> Job | None:
        """The job with the outside id `job_id`; None if there is none."""
        rows = await self._database.read(f"{JOB_SELECT} WHERE jobs.id = ?", (job_id,))
        return job_of(rows[0]) if rows else None

    async def jobs(self, *, state: State | None = None, name: str | None = None, limit: int = 100) -> list[Job]:
        """The newest `limit` jobs, of one state or one name where asked."""
        wanted = {"jobs.state": state, "jobs.name": name}
        conditions = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in conditions) or "TRUE"
        rows = await self._database.read(
            f"{JOB_SELECT} WHERE {where} ORDER BY jobs.number DESC LIMIT ?", (*conditions.values(), limit)
        )
        return [job_of(row) for row in rows]

    async def recent(self, limit: int) -> list[Job]:
        """The `limit` jobs that moved last."""
        rows = await self._database.read(f"{JOB_SELECT} ORDER BY jobs.updated_at DESC LIMIT ?", (limit,))
        return [job_of(row) for row in rows]

    async def counts(self) -> dict[State, int]:
        """How many jobs stand in each state."""
        rows = await self._database.read("SELECT state, jobs FROM job_counts")
        return {State(row["state"]): row["jobs"] for row in rows}

    async def oldest_waiting(self) -> int | None:
        """When the oldest queued job was accepted, milliseconds; None if none waits."""
        rows = await self._database.read("SELECT created_at FROM jobs WHERE state = 'queued' ORDER BY number LIMIT 1")
        return int(rows[0]["created_at"]) if rows else None

    async def accepted_since(self, since: int) -> int:
        """How many jobs were accepted since `since`, milliseconds."""
        return await self._count("SELECT count(*) FROM jobs WHERE created_at >= ?", since)

    async def registered_since(self, since: int) -> int:
        """How many accounts came into a block since `since`, milliseconds."""
        return await self._count("SELECT count(*) FROM jobs WHERE registered_at >= ?", since)

    async def failures_since(self, since: int) -> dict[str, int]:
        """How many jobs failed since `since`, milliseconds, by code."""
        rows = await self._database.read(
            "SELECT code, count(*) AS jobs FROM jobs WHERE updated_at >= ? AND state = 'failed' GROUP BY code",
            (since,),
        )
        return {row["code"]: row["jobs"] for row in rows}

    async def cancel(self, job_ids: Sequence[str], *, reason: str) -> list[str]:
        """End jobs of which nothing has left, all or none; their ids.

        Raises FaucetError `not_found`, or `bad_request` if one is not queued.
        """
        return await self._steer(job_ids, State.CANCELLED, code=Code.CANCELLED, reason=reason)

    async def retry(self, job_ids: Sequence[str]) -> list[str]:
        """Queue failed or cancelled jobs again, all or none; their ids.

        Raises FaucetError `not_found`, `bad_request` if one is neither failed nor cancelled, or
        `account_exists` if a newer job has its name.
        """
        return await self._steer(job_ids, State.QUEUED, code=None, reason=None)

    async def check_writable(self) -> None:
        """Raises FaucetError `ledger_unavailable` unless a transaction can begin and commit."""
        async with self._database.transaction() as connection:
            await connection.execute("UPDATE job_counts SET jobs = jobs WHERE state = 'queued'")

    async def forget_addresses(self, before: int) -> None:
        """Erase the client addresses of signups accepted before `before`, milliseconds."""
        async with self._database.transaction() as connection:
            await connection.execute("DELETE FROM addresses WHERE accepted_at < ?", (before,))

    async def _count(self, sql: str, since: int) -> int:
        rows = await self._database.read(sql, (since,))
        return int(rows[0][0])

    async def _steer(self, job_ids: Sequence[str], state: State, *, code: Code | None, reason: str | None) -> list[str]:
        async with self._database.transaction() as connection:
            for job_id in job_ids:
                await _check_steering(connection, job_id, state)
                await connection.execute(
                    "UPDATE jobs SET state = ?, code = ?, reason = ?, retry_at = 0, updated_at = ? WHERE id = ?",
                    (state, code, reason, self._now(), job_id),
                )
        self.changes.publish(job_ids)
        return list(job_ids)


_FROM = {State.CANCELLED: (State.QUEUED,), State.QUEUED: (State.FAILED, State.CANCELLED)}


async def _check_steering(connection: aiosqlite.Connection, job_id: str, to: State) -> None:
    rows = list(
        await connection.execute_fetchall(
            """
            SELECT state, EXISTS (
                SELECT 1 FROM jobs AS other WHERE other.name = jobs.name AND other.number <> jobs.number
                AND other.state NOT IN ('failed', 'cancelled')) AS replaced
            FROM jobs WHERE id = ?
            """,
            (job_id,),
        )
    )
    if not rows:
        raise FaucetError(Code.NOT_FOUND, f"No job has the id {job_id}.")
    state = State(rows[0]["state"])
    if state not in _FROM[to]:
        raise FaucetError(Code.BAD_REQUEST, f"Job {job_id} is {state}, so it can't be {to}.")
    check_move(state, to)
    if rows[0]["replaced"]:
        raise FaucetError(Code.ACCOUNT_EXISTS, f"A newer signup has the name of job {job_id}.")
