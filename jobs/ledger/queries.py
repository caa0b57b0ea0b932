"""What pages, metrics and operators ask."""

from jobs.ledger.job_reads import JobReads
from jobs.ledger.job_rows import select_jobs
from jobs.ledger.sql import Query
from jobs.ledger.store import Part, Store
from jobs.model.job import Job, State

RECENT = select_jobs("ORDER BY jobs.updated_at DESC LIMIT ?")
COUNTS = "SELECT state, jobs FROM job_counts"
#: A job that was put off has its reason, and holds up nobody.
OLDEST_WAITING = "SELECT created_at FROM jobs WHERE state = 'queued' AND reason IS NULL ORDER BY number LIMIT 1"
_HELD_OPERATIONS = """
    FROM transactions JOIN operations ON operations.txn = transactions.number
    WHERE transactions.fate = 'live' AND transactions.held IS NOT NULL
"""
HELD_JOBS = select_jobs(f"WHERE jobs.number IN (SELECT operations.job {_HELD_OPERATIONS}) ORDER BY jobs.number LIMIT ?")
HELD_COUNT = f"SELECT count(*) AS held {_HELD_OPERATIONS}"
FAILURES = "SELECT code, count(*) AS jobs FROM jobs WHERE updated_at >= ? AND state = 'failed' GROUP BY code"


def jobs_query(*columns: str) -> Query[Job]:
    """The query for the newest jobs by the values of `columns`."""
    where = " AND ".join(f"jobs.{column} = ?" for column in columns) or "TRUE"
    return select_jobs(f"WHERE {where} ORDER BY jobs.number DESC LIMIT ?")


class Queries(Part):
    """Reads for people and for metrics."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._job_reads = JobReads(store)

    async def job(self, job_id: str) -> Job | None:
        """The job with the outside id `job_id`; None if there is none."""
        return await self._job_reads.job(job_id)

    async def jobs(self, *, state: State | None = None, name: str | None = None, limit: int = 100) -> list[Job]:
        """The newest `limit` jobs, of one state or one name where asked."""
        wanted = {"state": state, "name": name}
        given = {column: value for column, value in wanted.items() if value is not None}
        return await self._store.rows(jobs_query(*given), (*given.values(), limit))

    async def recent(self, limit: int) -> list[Job]:
        """The `limit` jobs that moved last."""
        return await self._store.rows(RECENT, (limit,))

    async def counts(self) -> dict[State, int]:
        """How many jobs stand in each state."""
        return {State(row["state"]): row["jobs"] for row in await self._store.read(COUNTS)}

    async def oldest_waiting(self) -> int | None:
        """When the oldest queued job that was not put off was accepted, milliseconds; None if none waits."""
        rows = await self._store.read(OLDEST_WAITING)
        return int(rows[0]["created_at"]) if rows else None

    async def held_jobs(self, limit: int = 100) -> list[Job]:
        """The oldest `limit` jobs whose initial balance is held: an operator must release it."""
        return await self._store.rows(HELD_JOBS, (limit,))

    async def held_count(self) -> int:
        """How many jobs' initial balances are held."""
        rows = await self._store.read(HELD_COUNT)
        return int(rows[0]["held"])

    async def failures_since(self, since: int) -> dict[str, int]:
        """How many jobs failed since `since`, milliseconds, by code."""
        return {row["code"]: row["jobs"] for row in await self._store.read(FAILURES, (since,))}
