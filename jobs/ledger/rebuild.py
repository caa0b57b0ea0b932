"""Rebuilding a lost or old ledger from what the chain has."""

from collections.abc import Callable, Sequence

from jobs.errors import Code, FaucetError
from jobs.ledger.inclusion import Included, finalize, include, signed_from
from jobs.ledger.job_rows import select_jobs
from jobs.ledger.store import Tx
from jobs.ledger.transactions import record
from jobs.model.job import Job, State
from jobs.model.transaction import BlockEffects, Kind, OnChainOperation, OnChainTransaction

#: A job of another signup that stands in the way of an account on the chain, and has not come into a block.
_WAITING = (State.QUEUED, State.BROADCAST)

LIVE_JOB = select_jobs("WHERE jobs.name = ? AND jobs.code IS NULL")
INSERT_JOB = """
    INSERT INTO jobs (number, id, name, owner_key, active_key, memo_key, created_at, updated_at)
    VALUES ((SELECT coalesce(max(number), 0) + 1 FROM jobs), ?, ?, ?, ?, ?, ?, ?) RETURNING number
"""
END = "UPDATE jobs SET state = 'failed', code = ?, reason = 'Account exists', updated_at = ? WHERE number = ?"
DATE = "UPDATE jobs SET registered_at = ? WHERE number = ?"
SAVE_AMOUNT = "UPDATE jobs SET initial_balance = ? WHERE name = ? AND number = ? AND initial_balance IS NULL"


def rebuild(tx: Tx, found: Sequence[OnChainTransaction], random_id: Callable[[], str]) -> int:
    """Import irreversible transactions that the ledger has no record of; how many accounts they concern.

    Raises FaucetError `account_exists` where a job of the same name and other keys is in a block.
    """
    served = 0
    for each in found:
        jobs = _jobs_served(tx, each, random_id)
        served += len(jobs)
        if jobs:
            _import(tx, each, jobs)
    return served


def _jobs_served(tx: Tx, found: OnChainTransaction, random_id: Callable[[], str]) -> dict[int, int]:
    """The jobs that `found` serves, each with the fee of its operation; those that are missing are made.

    An account without keys of its own, which only other accounts sign for, was no signup.
    """
    jobs: dict[int, int] = {}
    for operation in found.operations:
        if found.kind is Kind.REGISTRATION and operation.keys is not None:
            jobs[_job_registered(tx, found, operation, random_id)] = operation.fee
        elif found.kind is Kind.FUNDING and (number := _job_paid(tx, operation)) is not None:
            jobs[number] = operation.fee
    return jobs


def _job_registered(
    tx: Tx, found: OnChainTransaction, operation: OnChainOperation, random_id: Callable[[], str]
) -> int:
    """The job of an account that was registered: the one that waits for it, or a new one."""
    job = _live_job(tx, operation.name)
    if job is not None and job.signup.keys == operation.keys:
        return job.number
    if job is not None:
        _end(tx, job)
    columns = (random_id(), operation.name, *(operation.keys or ()), found.time * 1000, tx.now)
    return int(tx.execute(INSERT_JOB, columns)[0]["number"])


def _live_job(tx: Tx, name: str) -> Job | None:
    return next(iter(tx.rows(LIVE_JOB, (name,))), None)


def _end(tx: Tx, job: Job) -> None:
    """Fail a job whose name went to another signup. Raises FaucetError `account_exists` if it is in a block."""
    if job.state not in _WAITING:
        raise FaucetError(Code.ACCOUNT_EXISTS, f"Job {job.id} has an account that the chain gave to another signup.")
    tx.execute(END, (Code.ACCOUNT_EXISTS, tx.now, job.number))


def _job_paid(tx: Tx, operation: OnChainOperation) -> int | None:
    """The job of an account that was paid; None for an account that is no job's."""
    job = _live_job(tx, operation.name)
    return None if job is None or job.account_id != operation.account_id else job.number


def _import(tx: Tx, found: OnChainTransaction, jobs: dict[int, int]) -> None:
    """Record `found` as if it had been signed here, then let it come into its block, then let that stay."""
    results = tuple(operation.account_id for operation in found.operations)
    names = tuple((operation.name, operation.account_id) for operation in found.operations)
    recorded = record(tx, [signed_from(found, jobs)])
    if found.kind is Kind.REGISTRATION:
        # They came into a block long before now.
        tx.executemany(DATE, [(found.time * 1000, job) for job in jobs])
    included = Included()
    include(tx, BlockEffects(found.block_num, "", {found.signature: results}, names), included)
    included.derive_states(tx)
    if found.kind is Kind.FUNDING:
        _save_amounts(tx, found, jobs)
    finalize(tx, [(transaction, results) for transaction in recorded])


def _save_amounts(tx: Tx, found: OnChainTransaction, jobs: dict[int, int]) -> None:
    """Keep what was paid, for jobs that were made anew: of them nothing else is known."""
    amounts = {operation.name: f"{operation.amount.normalize():f}" for operation in found.operations}
    tx.executemany(SAVE_AMOUNT, [(amount, name, job) for name, amount in amounts.items() for job in jobs])
