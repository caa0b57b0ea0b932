"""What the drainer writes: transactions ahead of their broadcast, and what a node said of them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from jobs.errors import Code
from jobs.ledger.book import (
    JOB_COLUMNS,
    JOB_SELECT,
    Book,
    as_list,
    as_rows,
    at_once,
    derive_states,
    job_of,
    rows_of,
)
from jobs.ledger.database import Connection, Row
from jobs.ledger.spending import committed_on, release_shares, within
from jobs.model.job import Job, Unfunded
from jobs.model.transaction import Fate, Kind, SignedTransaction, Transaction

TRANSACTION_SELECT = """
    SELECT transactions.*,
           (SELECT json_group_array(job) FROM (SELECT job FROM operations WHERE txn = transactions.number
                                               ORDER BY position)) AS jobs
    FROM transactions
"""

#: Seconds before a signup that a node refused without a clear cause is tried again: doubled each time.
RETRY_DELAY = 1
MAX_RETRY_DELAY = 300

QUEUED = at_once(
    JOB_COLUMNS, f"{JOB_SELECT} WHERE jobs.state = 'queued' AND jobs.retry_at <= ? ORDER BY jobs.number LIMIT ?"
)
_UNFUNDED = at_once(
    (*JOB_COLUMNS, "last_number", "last_id"),
    f"""
    SELECT due.*, last.number AS last_number, last.id AS last_id
    FROM ({JOB_SELECT} WHERE jobs.state = 'registered' AND jobs.initial_balance IS NOT NULL
          AND jobs.funding IS NULL
          AND (jobs.irreversible OR (jobs.registration IS NOT NULL AND NOT jobs.provisional))
          ORDER BY jobs.number LIMIT ?) AS due
    CROSS JOIN (SELECT number, id FROM blocks ORDER BY number DESC LIMIT 1) AS last
    ORDER BY due.number
    """,
)

Reason = tuple[Code, str]  #: why a job failed, for programs and for people


class Signing(Book):
    """Queue, write-ahead and refusals."""

    async def queued(self, limit: int) -> list[Job]:
        """The oldest `limit` jobs that wait for a drain and may be tried now."""
        rows = await self._database.read(QUEUED, (self._now(), limit))
        return [job_of(row) for row in rows_of(rows)]

    async def unfunded(self, limit: int) -> Unfunded:
        """The oldest `limit` jobs whose account is in a block and whose initial balance is not signed.

        The last block comes with them, read at once: on another fork their accounts have other ids, and what refers to
        this block can't be. A provisional id is not known to be of this fork: its account must be irreversible first.
        """
        rows = rows_of(await self._database.read(_UNFUNDED, (limit,)))
        last = (rows[0]["last_number"], rows[0]["last_id"]) if rows else None
        return Unfunded(tuple(job_of(row) for row in rows), last)

    async def record_signed(self, drafts: Sequence[SignedTransaction], budget: int | None = None) -> list[Transaction]:
        """Put signed transactions on disk, and their jobs in broadcast or funding, before anything is sent.

        Returns those recorded. One with a job that an operator ended meanwhile is not, nor is one that would take what
        was signed since midnight UTC beyond `budget`, satoshi: such must not be sent.
        """
        now = self._now()

        def step(connection: Connection) -> tuple[list[Transaction], list[str]]:
            ready = _ready(connection, drafts)
            release_shares(connection, ready)
            affordable = ready if budget is None else within(ready, budget - committed_on(connection, now))
            recorded = record(connection, affordable, now)
            return recorded, derive_states(connection, jobs_of(recorded), now)

        return await self._move_and(step)

    async def live(self) -> list[Transaction]:
        """Signed transactions that are in no block and may yet come into one, oldest first."""
        rows = await self._database.read(f"{TRANSACTION_SELECT} WHERE fate = 'live' ORDER BY number")
        return [transaction_of(row) for row in rows]

    async def refuse(
        self, transaction: Transaction, *, rejected: Mapping[int, Reason], counted: bool = False, trusted: bool = True
    ) -> None:
        """Take back a registration that the only node it was ever sent to refused.

        `rejected` jobs fail for good; the others wait again, without a try counted against them unless
        `counted`: then each is tried later and later. A node that is not `trusted` may have kept the transaction, so
        what it costs goes on counting against the budget.
        """
        now = self._now()
        innocent = [job for job in transaction.jobs if job not in rejected]

        def step(connection: Connection) -> list[str]:
            connection.execute(
                "UPDATE transactions SET fate = ?, reserved = CASE WHEN ? THEN 0 ELSE reserved END, updated_at = ? "
                "WHERE number = ? AND fate = 'live'",
                (Fate.REFUSED, trusted, now, transaction.number),
            )
            moved = derive_states(connection, transaction.jobs, now)
            _postpone(connection, innocent, now=now, counted=counted)
            return moved + fail_jobs(connection, rejected, now)

        await self._move(step)

    async def put_off(self, reasons: Mapping[int, str], seconds: float) -> None:
        """Let queued jobs wait for so many seconds before a drain takes them again, each for its reason, for people."""
        now = self._now()
        retry_at = now + int(seconds * 1000)
        await self._database.run(
            lambda connection: connection.executemany(
                "UPDATE jobs SET retry_at = ?, reason = ? WHERE number = ? AND state = 'queued'",
                [(retry_at, reason, job) for job, reason in reasons.items()],
            )
        )

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
            return derive_states(connection, list(accounts), now)

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
        held=row["held"],
    )


def transactions_where(connection: Connection, condition: str, parameters: Sequence[object]) -> list[Transaction]:
    """The transactions for which `condition` holds, in order of signing."""
    rows = connection.execute(f"{TRANSACTION_SELECT} WHERE {condition} ORDER BY number", parameters).fetchall()
    return [transaction_of(row) for row in rows]


def jobs_of(transactions: Iterable[Transaction]) -> list[int]:
    """The numbers of the jobs that `transactions` serve."""
    return [job for transaction in transactions for job in transaction.jobs]


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
    Kind.FUNDING: "state = 'registered' AND funding IS NULL AND (irreversible OR NOT provisional)",
}


def _ready(connection: Connection, drafts: Sequence[SignedTransaction]) -> list[SignedTransaction]:
    """Those of `drafts` whose jobs all still wait for them."""
    ready: set[tuple[Kind, int]] = set()
    for kind in {draft.kind for draft in drafts}:
        jobs = [job for draft in drafts if draft.kind is kind for job in draft.jobs]
        rows = connection.execute(
            f"SELECT json_group_array(number) FROM jobs WHERE {_READY[kind]} "
            "AND number IN (SELECT value FROM json_each(?))",
            (as_list(jobs),),
        ).fetchall()
        ready.update((kind, job) for job in json.loads(rows[0][0]))
    return [draft for draft in drafts if all((draft.kind, job) in ready for job in draft.jobs)]


# The same jobs signed again within one second make the same bytes: one that was refused lives again.
_RECORDED = (
    "kind", "id", "signature", "body", "reference", "expiration", "created_at", "updated_at", "cost", "reserved",
)  # fmt: skip
RECORD = f"""
    INSERT INTO transactions ({", ".join(_RECORDED)}) SELECT * FROM {as_rows(_RECORDED)} WHERE TRUE
    ON CONFLICT (signature) DO UPDATE SET fate = 'live', reserved = cost, updated_at = excluded.updated_at
    RETURNING number, signature
"""
_OPERATIONS = ("txn", "position", "job", "fee")
RECORD_OPERATIONS = f"""
    INSERT OR REPLACE INTO operations ({", ".join(_OPERATIONS)}) SELECT * FROM {as_rows(_OPERATIONS)}
"""
LINK = {
    Kind.REGISTRATION: f"""
        UPDATE jobs SET registration = linked.txn, provisional = 0, sent_referrer = linked.referrer,
                        attempts = attempts + 1
        FROM {as_rows(("txn", "job", "referrer"))} AS linked WHERE jobs.number = linked.job
    """,
    Kind.FUNDING: f"""
        UPDATE jobs SET funding = linked.txn
        FROM {as_rows(("txn", "job"))} AS linked WHERE jobs.number = linked.job
    """,
}


def record(connection: Connection, drafts: Sequence[SignedTransaction], now: int) -> list[Transaction]:
    """Put `drafts` on disk as live transactions that serve their jobs."""
    columns = (
        (
            draft.kind,
            draft.id,
            draft.signature,
            draft.body,
            draft.reference,
            draft.expiration,
            now,
            now,
            draft.cost,
            draft.cost,
        )
        for draft in drafts
    )
    rows = connection.execute(RECORD, (as_list(columns),)).fetchall()
    numbers: dict[str, int] = {row["signature"]: row["number"] for row in rows}
    recorded = [_recorded(draft, numbers[draft.signature]) for draft in drafts]
    operations = (
        (numbers[draft.signature], position, job, fee)
        for draft in drafts
        for position, (job, fee) in enumerate(zip(draft.jobs, draft.fees, strict=True))
    )
    connection.execute(RECORD_OPERATIONS, (as_list(operations),))
    for kind, link in LINK.items():
        linked = [
            (numbers[draft.signature], job, referrer)
            for draft in drafts
            if draft.kind is kind
            for job, referrer in zip_longest(draft.jobs, draft.referrers)
        ]
        if linked:
            connection.execute(link, (as_list(linked),))
    return recorded


def _recorded(draft: SignedTransaction, number: int) -> Transaction:
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


def _postpone(connection: Connection, jobs: Sequence[int], *, now: int, counted: bool) -> None:
    if not counted:
        connection.executemany(
            "UPDATE jobs SET attempts = attempts - 1 WHERE number = ? AND state = 'queued'",
            [(job,) for job in jobs],
        )
        return
    connection.executemany(
        "UPDATE jobs SET retry_at = ? + 1000 * min(?, ? << min(attempts - 1, 20)) WHERE number = ?",
        [(now, MAX_RETRY_DELAY, RETRY_DELAY, job) for job in jobs],
    )
