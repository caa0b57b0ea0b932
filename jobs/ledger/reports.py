"""What pages, metrics and operators ask."""

from jobs.ledger.book import JOB_SELECT, Book, job_of
from jobs.model.job import Job, State

#: A job that was put off has its reason, and holds up nobody.
OLDEST_WAITING = "SELECT created_at FROM jobs WHERE state = 'queued' AND reason IS NULL ORDER BY number LIMIT 1"
_HELD_OPERATIONS = """
    FROM transactions JOIN operations ON operations.txn = transactions.number
    WHERE transactions.fate = 'live' AND transactions.held IS NOT NULL
"""
HELD_JOBS = f"{JOB_SELECT} WHERE jobs.number IN (SELECT operations.job {_HELD_OPERATIONS})"
HELD_COUNT = f"SELECT count(*) {_HELD_OPERATIONS}"


class Reports(Book):
    """Reads for people, and the ledger's own health."""

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
        """When the oldest queued job that was not put off was accepted, milliseconds; None if none waits."""
        rows = await self._database.read(OLDEST_WAITING)
        return int(rows[0]["created_at"]) if rows else None

    async def held_jobs(self, limit: int = 100) -> list[Job]:
        """The oldest `limit` jobs whose initial balance is held: an operator must release it."""
        rows = await self._database.read(f"{HELD_JOBS} ORDER BY jobs.number LIMIT ?", (limit,))
        return [job_of(row) for row in rows]

    async def held_count(self) -> int:
        """How many jobs' initial balances are held."""
        rows = await self._database.read(HELD_COUNT)
        return int(rows[0][0])

    async def failures_since(self, since: int) -> dict[str, int]:
        """How many jobs failed since `since`, milliseconds, by code."""
        rows = await self._database.read(
            "SELECT code, count(*) AS jobs FROM jobs WHERE updated_at >= ? AND state = 'failed' GROUP BY code",
            (since,),
        )
        return {row["code"]: row["jobs"] for row in rows}

    async def check_writable(self) -> None:
        """Raises FaucetError `ledger_unavailable`, with SQLite's error as its cause, unless a change can be kept."""
        # A row is put in another's place: an UPDATE that changes nothing writes nothing, not to a full disk either.
        await self._database.write(
            "INSERT OR REPLACE INTO facts (name, value) VALUES ('checked_at', ?)", (str(self._now()),)
        )

    async def forget_addresses(self, before: int) -> None:
        """Erase the client addresses of signups accepted before `before`, milliseconds."""
        await self._database.write("DELETE FROM addresses WHERE accepted_at < ?", (before,))
