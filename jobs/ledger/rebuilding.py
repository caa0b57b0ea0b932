"""Rebuilding a lost or old ledger from what the chain has."""

from collections.abc import Sequence

from jobs.errors import Code, FaucetError
from jobs.ledger.book import Book, derive_states
from jobs.ledger.database import Connection, Row
from jobs.ledger.following import include_all, make_final
from jobs.ledger.recovering import draft_of
from jobs.ledger.signing import record
from jobs.model.job import State
from jobs.model.transaction import BlockEffects, Kind, OnChainOperation, OnChainTransaction

#: A job of another signup that stands in the way of an account on the chain, and has not come into a block.
_WAITING = (State.QUEUED, State.BROADCAST)


class Rebuilding(Book):
    """Takes over what is irreversible on the chain."""

    async def rebuild(self, found: Sequence[OnChainTransaction]) -> int:
        """Take over irreversible transactions that the ledger has no record of; how many accounts they concern.

        A registration without a job gets one. Raises FaucetError `account_exists` where a job of the same name
        and other keys is in a block: the faucet must follow the chain first.
        """
        now = self._now()

        def step(connection: Connection) -> tuple[int, list[str]]:
            served, moved = 0, []
            for each in found:
                jobs = self._jobs_served(connection, each, now)
                served += len(jobs)
                moved += _take_over(connection, each, jobs, now) if jobs else []
            return served, moved

        return await self._move_and(step)

    def _jobs_served(self, connection: Connection, found: OnChainTransaction, now: int) -> dict[int, int]:
        """The jobs that `found` serves, each with the fee of its operation; those that are missing are made."""
        jobs: dict[int, int] = {}
        for operation in found.operations:
            if found.kind is Kind.REGISTRATION:
                jobs[self._registered(connection, found, operation, now)] = operation.fee
            elif (number := _paid(connection, operation)) is not None:
                jobs[number] = operation.fee
        return jobs

    def _registered(
        self, connection: Connection, found: OnChainTransaction, operation: OnChainOperation, now: int
    ) -> int:
        """The job of an account that was registered: the one that waits for it, or a new one."""
        job = _live_job(connection, operation.name)
        if job is not None and (job["owner_key"], job["active_key"], job["memo_key"]) == operation.keys:
            return int(job["number"])
        if job is not None:
            _end(connection, job, now)
        rows = connection.execute(
            """
            INSERT INTO jobs (id, name, owner_key, active_key, memo_key, created_at, updated_at)
            VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING number
            """,
            (self._random_id(), operation.name, *(operation.keys or ()), found.time * 1000, now),
        ).fetchall()
        return int(rows[0]["number"])


def _live_job(connection: Connection, name: str) -> Row | None:
    rows = connection.execute(
        "SELECT * FROM jobs WHERE name = ? AND state NOT IN ('failed', 'cancelled')", (name,)
    ).fetchall()
    return next(iter(rows), None)


def _end(connection: Connection, job: Row, now: int) -> None:
    """Fail a job whose name went to another signup. Raises FaucetError `account_exists` if it is in a block."""
    if State(job["state"]) not in _WAITING:
        raise FaucetError(Code.ACCOUNT_EXISTS, f"Job {job['id']} has an account that the chain gave to another signup.")
    connection.execute(
        "UPDATE jobs SET state = 'failed', code = ?, reason = 'Account exists', updated_at = ? WHERE number = ?",
        (Code.ACCOUNT_EXISTS, now, job["number"]),
    )


def _paid(connection: Connection, operation: OnChainOperation) -> int | None:
    """The job of an account that was paid; None for an account that is no job's."""
    job = _live_job(connection, operation.name)
    return None if job is None or job["account_id"] != operation.account_id else int(job["number"])


def _take_over(connection: Connection, found: OnChainTransaction, jobs: dict[int, int], now: int) -> list[str]:
    """Record `found` as if it had been signed here, then let it come into its block, then let that stay."""
    results = tuple(operation.account_id for operation in found.operations)
    names = tuple((operation.name, operation.account_id) for operation in found.operations)
    recorded = record(connection, [draft_of(found, jobs)], now)
    if found.kind is Kind.REGISTRATION:
        _date(connection, found, jobs)
    effects = BlockEffects(found.block_num, "", {found.signature: results}, names)
    moved = derive_states(connection, include_all(connection, effects, now), now)
    if found.kind is Kind.FUNDING:
        _note_amounts(connection, found, jobs)
    return moved + make_final(connection, [(transaction, results) for transaction in recorded], now)


def _date(connection: Connection, found: OnChainTransaction, jobs: dict[int, int]) -> None:
    """Say when the accounts came into a block: long before now."""
    connection.executemany(
        "UPDATE jobs SET registered_at = ? WHERE number = ?", [(found.time * 1000, job) for job in jobs]
    )


def _note_amounts(connection: Connection, found: OnChainTransaction, jobs: dict[int, int]) -> None:
    """Say what was paid, for jobs that were made anew: of them nothing else is known."""
    amounts = {operation.name: f"{operation.amount.normalize():f}" for operation in found.operations}
    connection.executemany(
        "UPDATE jobs SET initial_balance = ? WHERE name = ? AND number = ? AND initial_balance IS NULL",
        [(amount, name, job) for name, amount in amounts.items() for job in jobs],
    )
