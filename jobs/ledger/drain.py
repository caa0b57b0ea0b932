"""What the drain reads and writes: the queue, transactions ahead of their broadcast, and what a node said of them."""

from collections.abc import Mapping, Sequence

import msgspec

from jobs.errors import Code
from jobs.ledger.errors import UnfitLedgerError
from jobs.ledger.job_rows import STATE_OF_LISTED, derive_states, select_jobs
from jobs.ledger.quotas import give_back
from jobs.ledger.spending import affordable, committed_on, release_shares
from jobs.ledger.sql import IN_NUMBERS, Query, to_json
from jobs.ledger.store import Part, Tx
from jobs.ledger.transactions import LINK, LIVE, SIGN, Link, links, save
from jobs.model.job import Job, Unfunded
from jobs.model.transaction import Kind, SignedTransaction, Transaction, WholeTransaction

#: Seconds before a signup that a node refused without a clear cause is tried again: doubled each time.
RETRY_DELAY = 1
MAX_RETRY_DELAY = 300

Reason = tuple[Code, str]  #: why a job failed, for programs and for people

QUEUED = select_jobs(
    "WHERE jobs.state = 'queued' AND jobs.number > ? AND jobs.retry_at <= ? ORDER BY jobs.number LIMIT ?", bulk=True
)


class Ready(msgspec.Struct, frozen=True):
    """A job that waits for the transaction that is signed for it."""

    number: int
    id: str


class Due(msgspec.Struct, frozen=True):
    """A job that is to be paid, and the last block at that moment."""

    job: Job
    last_number: int
    last_id: str


#: First the conditions of the index jobs_owed, in which few jobs are.
_PAYABLE = select_jobs(
    """
    WHERE jobs.state IN ('queued', 'broadcast', 'registered') AND jobs.initial_balance IS NOT NULL
    AND jobs.funding IS NULL AND jobs.state = 'registered'
    AND (jobs.irreversible = TRUE OR (jobs.registration IS NOT NULL AND jobs.provisional = FALSE
         AND jobs.block_num <= (SELECT max(number) FROM blocks)))
    ORDER BY jobs.number LIMIT ?
    """
).sql
UNFUNDED = Query(
    f"""
    SELECT due.*, last.number AS last_number, last.id AS last_id
    FROM ({_PAYABLE}) AS due CROSS JOIN (SELECT number, id FROM blocks ORDER BY number DESC LIMIT 1) AS last
    ORDER BY due.number
    """,
    Due,
    bulk=True,
)
#: Also of what may not be tried yet.
IDLE = """
    SELECT NOT (
        EXISTS (SELECT 1 FROM transactions WHERE fate = 'live')
        OR EXISTS (SELECT 1 FROM jobs WHERE state = 'queued')
        OR EXISTS (
            SELECT 1 FROM jobs
            WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL
        )
        OR EXISTS (SELECT 1 FROM pauses WHERE part = 'drain')
    ) AS idle
"""
REFUSE = """
    UPDATE transactions SET fate = 'refused', reserved = CASE WHEN ? THEN 0 ELSE reserved END, updated_at = ?
    WHERE number = ? AND fate = 'live'
"""
DEFER = "UPDATE jobs SET retry_at = ?, reason = ? WHERE number = ? AND state = 'queued'"
_DOUBLED = f"{RETRY_DELAY} << CAST(attempts - 1 AS INTEGER)"
DEFER_LONGER = f"""
    UPDATE jobs SET retry_at = ? + 1000 *
        CASE WHEN attempts > 20 OR {_DOUBLED} > {MAX_RETRY_DELAY} THEN {MAX_RETRY_DELAY} ELSE {_DOUBLED} END
    WHERE number = ?
"""
UNCOUNT = "UPDATE jobs SET attempts = attempts - 1 WHERE number = ? AND state = 'queued'"
CLAIM = "UPDATE jobs SET account_id = ?, block_num = ? WHERE number = ? AND state = 'queued'"
FAILING = f"SELECT number, id FROM jobs WHERE {STATE_OF_LISTED} = 'queued' AND number {IN_NUMBERS}"
FAIL = "UPDATE jobs SET state = 'failed', code = ?, reason = ?, updated_at = ? WHERE number = ?"
READY = {
    Kind.REGISTRATION: Query(
        f"SELECT number, id FROM jobs WHERE {STATE_OF_LISTED} = 'queued' AND number {IN_NUMBERS}", Ready, bulk=True
    ),
    Kind.FUNDING: Query(
        f"""
        SELECT number, id FROM jobs
        WHERE {STATE_OF_LISTED} = 'registered' AND funding IS NULL AND (irreversible = TRUE OR provisional = FALSE)
        AND number {IN_NUMBERS}
        """,
        Ready,
        bulk=True,
    ),
}


class DrainQueue(Part):
    """Queue, write-ahead and refusals."""

    @property
    def deposed(self) -> bool:
        """Whether another process owns the chain, so that this one must send nothing."""
        return self._store.deposed.is_set()

    async def is_idle(self) -> bool:
        """Whether nothing is queued, to be paid, on its way, or paused."""
        return bool((await self._store.read(IDLE))[0]["idle"])

    async def queued(self, limit: int, *, after: int = 0) -> list[Job]:
        """The oldest `limit` jobs numbered above `after` that wait for a drain and may be tried now."""
        return await self._store.rows(QUEUED, (after, self._store.now(), limit))

    async def unfunded(self, limit: int) -> Unfunded:
        """The oldest `limit` jobs whose account is in a block and whose initial balance is not signed.

        The last block comes with them, read at once: on another fork their accounts have other ids, and what refers to
        this block can't be. Of a block that is recorded in parts nobody is due before it is whole. A provisional id is
        not known to be of this fork: its account must be irreversible first.
        """
        due = await self._store.rows(UNFUNDED, (limit,))
        last = (due[0].last_number, due[0].last_id) if due else None
        return Unfunded(tuple(each.job for each in due), last)

    async def record_signed(
        self, signed: Sequence[SignedTransaction], budget: int | None = None
    ) -> list[WholeTransaction]:
        """Put signed transactions on disk, and their jobs in broadcast or funding, before anything is sent.

        Returns those recorded. One with a job that an operator ended meanwhile is not, nor is one that would take what
        was signed since midnight UTC beyond `budget`, satoshi: such must not be sent. Raises UnfitLedgerError,
        and records none, where the database could forget them.
        """
        return await self._store.run(lambda tx: _record_signed(tx, signed, budget))

    async def live(self) -> list[WholeTransaction]:
        """Signed transactions that are in no block and may yet come into one, oldest first."""
        return await self._store.rows(LIVE)

    async def confirmed_live(self) -> list[WholeTransaction]:
        """The same, of those that are on disk for certain, on a synchronous standby too.

        A commit that was not confirmed, since its server was killed or it was cancelled, may show before. This one
        ends after it. Raises UnfitLedgerError where the database could forget them.
        """
        return await self._store.run(_confirmed_live)

    async def refuse(
        self, transaction: Transaction, *, rejected: Mapping[int, Reason], counted: bool = False, trusted: bool = True
    ) -> None:
        """Take back a registration that the only node it was ever sent to refused.

        `rejected` jobs fail for good; the others wait again, without a try counted against them unless
        `counted`: then each is tried later and later. A node that is not `trusted` may have kept the transaction, so
        what it costs goes on counting against the budget.
        """
        innocent = [job for job in transaction.jobs if job not in rejected]

        def step(tx: Tx) -> None:
            tx.execute(REFUSE, (trusted, tx.now, transaction.number))
            derive_states(tx, transaction.jobs)
            _retry(tx, innocent, counted=counted)
            fail_jobs(tx, rejected)

        await self._store.run(step)

    async def defer(self, reasons: Mapping[int, str], seconds: float) -> None:
        """Let queued jobs wait for so many seconds before a drain takes them again, each for its reason, for people."""

        def step(tx: Tx) -> None:
            retry_at = tx.now + int(seconds * 1000)
            tx.executemany(DEFER, [(retry_at, reason, job) for job, reason in reasons.items()])

        await self._store.run(step)

    async def fail(self, reasons: Mapping[int, Reason]) -> None:
        """End queued jobs without an account; what they spent of quotas is given back.

        Jobs that are not queued any more, since an operator was quicker, stay as they are.
        """
        await self._store.run(lambda tx: fail_jobs(tx, reasons))

    async def claim_existing(self, accounts: Mapping[int, str], block_num: int) -> None:
        """Take accounts found on the chain with the jobs' own keys, as of `block_num`: job number → account id."""

        def step(tx: Tx) -> None:
            tx.executemany(CLAIM, [(account_id, block_num, job) for job, account_id in accounts.items()])
            derive_states(tx, list(accounts))

        await self._store.run(step)


def _confirmed_live(tx: Tx) -> list[WholeTransaction]:
    _check_fit(tx)
    return tx.rows(LIVE)


def _check_fit(tx: Tx) -> None:
    # In the same session: after a failover another one may be with another server.
    if (why := tx.connection.unfit()) is not None:
        raise UnfitLedgerError(why)


def _record_signed(tx: Tx, signed: Sequence[SignedTransaction], budget: int | None) -> list[WholeTransaction]:
    _check_fit(tx)
    ids = _ready(tx, signed)
    ready = [each for each in signed if all((each.kind, job) in ids for job in each.jobs)]
    release_shares(tx, ready)
    paid = ready if budget is None else affordable(ready, budget - committed_on(tx))
    recorded = save(tx, paid)
    _register(tx, links(Kind.REGISTRATION, recorded, paid), ids)
    _fund(tx, links(Kind.FUNDING, recorded, paid))
    return recorded


def _ready(tx: Tx, signed: Sequence[SignedTransaction]) -> dict[tuple[Kind, int], str]:
    """The jobs that still wait for a transaction in `signed`, by its kind and their numbers; their ids."""
    ids: dict[tuple[Kind, int], str] = {}
    for kind in {transaction.kind for transaction in signed}:
        jobs = [job for transaction in signed if transaction.kind is kind for job in transaction.jobs]
        ids |= {(kind, job.number): job.id for job in tx.rows(READY[kind], (to_json(jobs),))}
    return ids


def _register(tx: Tx, linked: Sequence[Link], ids: Mapping[tuple[Kind, int], str]) -> None:
    if linked:
        tx.execute(SIGN, (tx.now, to_json(linked)))
        tx.moved.extend(ids[Kind.REGISTRATION, job] for _, job, _ in linked)


def _fund(tx: Tx, linked: Sequence[Link]) -> None:
    if linked:
        tx.execute(LINK[Kind.FUNDING], (to_json(linked),))
        derive_states(tx, [job for _, job, _ in linked])


def _retry(tx: Tx, jobs: Sequence[int], *, counted: bool) -> None:
    if counted:
        tx.executemany(DEFER_LONGER, [(tx.now, job) for job in jobs])
    else:
        tx.executemany(UNCOUNT, [(job,) for job in jobs])


def fail_jobs(tx: Tx, reasons: Mapping[int, Reason]) -> None:
    """Fail those jobs of `reasons` that are queued, and give back what they spent of quotas."""
    failing = tx.execute(FAILING, (to_json(reasons),))
    tx.executemany(FAIL, [(*reasons[row["number"]], tx.now, row["number"]) for row in failing])
    give_back(tx, [row["number"] for row in failing])
    tx.moved.extend(row["id"] for row in failing)
