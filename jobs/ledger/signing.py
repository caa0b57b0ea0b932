"""What the drainer writes: transactions ahead of their broadcast, and what a node said of them."""

import json
from collections.abc import Mapping, Sequence

from jobs.errors import Code
from jobs.ledger.book import JOB_SELECT, Book, as_list, job_of, settle_states
from jobs.ledger.database import Connection, Row
from jobs.model import Draft, Fate, Job, Kind, Transaction, Unfunded

TRANSACTION_SELECT = """
    SELECT transactions.*,
           (SELECT json_group_array(job) FROM (SELECT job FROM operations WHERE txn = transactions.number
                                               ORDER BY position)) AS jobs
    FROM transactions
"""

#: Seconds before a signup that a node refused without a clear cause is tried again: doubled each time.
RETRY_DELAY = 1
RETRY_DELAY_MOST = 300

Reason = tuple[Code, str]  #: why a job failed, for programs and for people


class Signing(Book):
    """Queue, write-ahead and refusals."""

    async def queued(self, limit: int) -> list[Job]:
        """The oldest `limit` jobs that wait for a drain and may be tried now."""
        rows = await self._database.read(
            f"{JOB_SELECT} WHERE jobs.state = 'queued' AND jobs.retry_at <= ? ORDER BY jobs.number LIMIT ?",
            (self._now(), limit),
        )
        return [job_of(row) for row in rows]

    async def unfunded(self, limit: int) -> Unfunded:
        """The oldest `limit` jobs whose account is in a block and whose initial balance is not signed.

        The last block comes with them, read at once: on another fork their accounts have other ids, and what
        refers to this block can't be.
        """
        rows = await self._database.read(
            f"""
            SELECT due.*, last.number AS last_number, last.id AS last_id
            FROM ({JOB_SELECT} WHERE jobs.state = 'registered' AND jobs.initial_balance IS NOT NULL
                  AND jobs.funding IS NULL AND (jobs.registration IS NOT NULL OR jobs.irreversible)
                  ORDER BY jobs.number LIMIT ?) AS due
            CROSS JOIN (SELECT number, id FROM blocks ORDER BY number DESC LIMIT 1) AS last
            ORDER BY due.number
            """,
            (limit,),
        )
        last = (rows[0]["last_number"], rows[0]["last_id"]) if rows else None
        return Unfunded(tuple(job_of(row) for row in rows), last)

    async def record_signed(self, drafts: Sequence[Draft]) -> list[Transaction]:
        """Put signed transactions on disk, and their jobs in broadcast or funding, before anything is sent.

        Returns those recorded. One with a job that an operator ended meanwhile is not, and must not be sent.
        """
        now = self._now()

        def step(connection: Connection) -> tuple[list[Transaction], list[str]]:
            ready = [draft for draft in drafts if _is_ready(connection, draft)]
            recorded = [record(connection, draft, now) for draft in ready]
            jobs = [job for draft in ready for job in draft.jobs]
            return recorded, settle_states(connection, jobs, now)

        recorded, moved = await self._database.run(step)
        self.changes.publish(moved)
        return recorded

    async def live(self) -> list[Transaction]:
        """Signed transactions that are in no block and may yet come into one, oldest first."""
        rows = await self._database.read(f"{TRANSACTION_SELECT} WHERE fate = 'live' ORDER BY number")
        return [transaction_of(row) for row in rows]

    async def refuse(self, transaction: Transaction, *, guilty: Mapping[int, Reason], counted: bool = False) -> None:
        """Take back a registration that the only node it was ever sent to refused.

        `guilty` jobs fail for good; the others wait again, without a try counted against them unless
        `counted`: then each is tried later and later.
        """
        now = self._now()
        innocent = [job for job in transaction.jobs if job not in guilty]

        def step(connection: Connection) -> list[str]:
            connection.execute(
                "UPDATE transactions SET fate = ?, updated_at = ? WHERE number = ? AND fate = 'live'",
                (Fate.REFUSED, now, transaction.number),
            )
            moved = settle_states(connection, transaction.jobs, now)
            _postpone(connection, innocent, now=now, counted=counted)
            return moved + fail_jobs(connection, guilty, now)

        await self._move(step)

    async def fail(self, reasons: Mapping[int, Reason]) -> None:
        """End queued jobs without an account; the addresses that asked for them may sign up again.

        Jobs that are not queued any more, since an operator was quicker, stay as they are.
        """
        await self._move(lambda connection: fail_jobs(connection, reasons, self._now()))

    async def adopt(self, accounts: Mapping[int, str], block_num: int) -> None:
        """Take accounts found on the chain with the jobs' own keys, as of `block_num`: job number → account id."""
        now = self._now()

        def step(connection: Connection) -> list[str]:
            connection.executemany(
                "UPDATE jobs SET account_id = ?, block_num = ? WHERE number = ? AND state = 'queued'",
                [(account_id, block_num, job) for job, account_id in accounts.items()],
            )
            return settle_states(connection, list(accounts), now)

        await self._move(step)


def transaction_of(row: Row) -> Transaction:
    """The transaction in a row of the table, with its jobs as a JSON list."""
    return Transaction(
        number=row["number"],
        kind=Kind(row["kind"]),
        id=row["id"],
        signature=row["signature"],
        body=row["body"],
        reference=row["reference"],
        expiration=row["expiration"],
        fate=Fate(row["fate"]),
        block_num=row["block_num"],
        jobs=tuple(json.loads(row["jobs"])),
    )


def transactions_where(connection: Connection, condition: str, parameters: Sequence[object]) -> list[Transaction]:
    """The transactions for which `condition` holds, in order of signing."""
    rows = connection.execute(f"{TRANSACTION_SELECT} WHERE {condition} ORDER BY number", parameters).fetchall()
    return [transaction_of(row) for row in rows]


def fail_jobs(connection: Connection, reasons: Mapping[int, Reason], now: int) -> list[str]:
    """Fail those jobs of `reasons` that are queued, give back their addresses' quota; the ids of the failed."""
    rows = connection.execute(
        "SELECT number, id FROM jobs WHERE state = 'queued' AND number IN (SELECT value FROM json_each(?))",
        (as_list(reasons),),
    ).fetchall()
    connection.executemany(
        "UPDATE jobs SET state = 'failed', code = ?, reason = ?, updated_at = ? WHERE number = ?",
        [(*reasons[row["number"]], now, row["number"]) for row in rows],
    )
    connection.executemany("DELETE FROM addresses WHERE job = ?", [(row["number"],) for row in rows])
    return [row["id"] for row in rows]


_READY = {
    Kind.REGISTRATION: "state = 'queued'",
    Kind.FUNDING: "state = 'registered' AND funding IS NULL",
}


def _is_ready(connection: Connection, draft: Draft) -> bool:
    rows = connection.execute(
        f"SELECT count(*) FROM jobs WHERE {_READY[draft.kind]} AND number IN (SELECT value FROM json_each(?))",
        (as_list(draft.jobs),),
    ).fetchall()
    return bool(rows[0][0] == len(draft.jobs))


def record(connection: Connection, draft: Draft, now: int) -> Transaction:
    """Put `draft` on disk as a live transaction that serves its jobs."""
    # The same jobs signed again within one second make the same bytes: one that was refused lives again.
    rows = connection.execute(
        """
        INSERT INTO transactions (kind, id, signature, body, reference, expiration, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (signature) DO UPDATE SET fate = 'live', updated_at = excluded.updated_at
        RETURNING number
        """,
        (draft.kind, draft.id, draft.signature, draft.body, draft.reference, draft.expiration, now, now),
    ).fetchall()
    number: int = rows[0]["number"]
    connection.executemany(
        "INSERT OR REPLACE INTO operations (txn, position, job, fee) VALUES (?, ?, ?, ?)",
        [(number, position, job, fee) for position, (job, fee) in enumerate(_paid(draft))],
    )
    connection.executemany(_LINK[draft.kind], [(number, job) for job in draft.jobs])
    return Transaction(
        number,
        draft.kind,
        draft.id,
        draft.signature,
        draft.body,
        draft.reference,
        draft.expiration,
        Fate.LIVE,
        None,
        draft.jobs,
    )


def _paid(draft: Draft) -> list[tuple[int, int]]:
    return list(zip(draft.jobs, draft.fees, strict=True))


_LINK = {
    Kind.REGISTRATION: "UPDATE jobs SET registration = ?, attempts = attempts + 1 WHERE number = ?",
    Kind.FUNDING: "UPDATE jobs SET funding = ? WHERE number = ?",
}


def _postpone(connection: Connection, jobs: Sequence[int], *, now: int, counted: bool) -> None:
    if not counted:
        connection.executemany(
            "UPDATE jobs SET attempts = attempts - 1 WHERE number = ? AND state = 'queued'",
            [(job,) for job in jobs],
        )
        return
    connection.executemany(
        "UPDATE jobs SET retry_at = ? + 1000 * min(?, ? << min(attempts - 1, 20)) WHERE number = ?",
        [(now, RETRY_DELAY_MOST, RETRY_DELAY, job) for job in jobs],
    )
