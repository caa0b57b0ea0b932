"""What operators do to jobs and to the faucet: each action and its entry in the audit are one transaction."""

from collections.abc import Iterable, Sequence

from chain.text import cut
from jobs.errors import Code, FaucetError
from jobs.ledger.expiry import EXPIRE
from jobs.ledger.inclusion import delete_blocks
from jobs.ledger.job_rows import check_move, derive_states
from jobs.ledger.personal import erase_of
from jobs.ledger.sql import IN_NUMBERS, Query, names_of, to_json
from jobs.ledger.store import Part, Tx
from jobs.model.job import State
from jobs.model.operators import AuditEntry, Erased
from jobs.model.transaction import Fate

_FROM = {
    State.CANCELLED: (State.QUEUED,),
    State.FAILED: (State.QUEUED,),
    State.QUEUED: (State.FAILED, State.CANCELLED),
}
_ACTIONS = {"retry": State.QUEUED, "cancel": State.CANCELLED, "fail": State.FAILED}

MAX_REASON = 1000  #: characters of an operator's reason that are kept
RECORD = "INSERT INTO audit (at, who, what, target, why) VALUES (?, ?, ?, ?, ?)"
PAUSE = """
    INSERT INTO pauses (part, reason, by, since) VALUES (?, ?, ?, ?)
    ON CONFLICT (part) DO UPDATE SET reason = excluded.reason, by = excluded.by, automatic = FALSE
"""
RESUME = "DELETE FROM pauses WHERE part = ?"
MOVE = "UPDATE jobs SET state = ?, code = ?, reason = ?, retry_at = 0, updated_at = ? WHERE id = ?"
MOVABLE = """
    SELECT state, EXISTS (
        SELECT 1 FROM jobs AS other WHERE other.name = jobs.name AND other.number <> jobs.number
        AND other.code IS NULL) AS replaced
    FROM jobs WHERE id = ?
"""
JOB_EXISTS = "SELECT EXISTS (SELECT 1 FROM jobs WHERE id = ?) AS found"
NAME_HAS_JOB = "SELECT EXISTS (SELECT 1 FROM jobs WHERE name = ?) AS found"
HELD_PAYMENT = """
    SELECT transactions.number FROM jobs
    JOIN transactions ON transactions.number = jobs.funding
    WHERE jobs.id = ? AND transactions.fate = 'live' AND transactions.held IS NOT NULL
"""
JOBS_SERVED = f"SELECT job FROM operations WHERE txn {IN_NUMBERS}"
#: The oldest block of which something may still change, and how many blocks are remembered.
FOLLOWED = """
    SELECT coalesce(min(first), 0) AS first, (SELECT count(*) FROM blocks) AS blocks FROM (
        SELECT min(number) AS first FROM blocks
        UNION ALL SELECT min(block_num) FROM transactions WHERE fate = 'included') AS ends
"""
DOUBT_NAMES = "UPDATE names SET listed_by = '', block_num = NULL WHERE block_num >= ?"
#: All conditions of the index jobs_owed: few jobs are in it, while SQLite takes each state for a common one.
OWED = """
    SELECT count(*) AS jobs FROM jobs
    WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL
"""
WAIVE = """
    UPDATE jobs SET initial_balance = NULL
    WHERE state IN ('queued', 'broadcast', 'registered') AND initial_balance IS NOT NULL AND funding IS NULL
    RETURNING number
"""


def actions(state: State) -> list[str]:
    """What an operator can do to a job in `state`."""
    return [action for action, to in _ACTIONS.items() if state in _FROM[to]]


def audit_query(*conditions: str) -> Query[AuditEntry]:
    """The query for the newest entries of which all `conditions` are true."""
    where = " AND ".join(conditions) or "TRUE"
    return Query(f"SELECT {names_of(AuditEntry)} FROM audit WHERE {where} ORDER BY number DESC LIMIT ?", AuditEntry)


class OperatorActions(Part):
    """Every action says by whom, and why."""

    async def cancel(self, job_ids: Sequence[str], *, by: str, reason: str) -> list[str]:
        """End jobs of which nothing has left, all or none; their ids.

        Raises FaucetError `not_found`, or `bad_request` if one is not queued.
        """
        return await self._act("cancel", job_ids, by=by, reason=reason, code=Code.CANCELLED)

    async def fail(self, job_ids: Sequence[str], *, by: str, reason: str) -> list[str]:
        """Refuse jobs of which nothing has left, all or none; their ids. `reason` is shown to who signed up.

        Raises FaucetError `not_found`, or `bad_request` if one is not queued.
        """
        return await self._act("fail", job_ids, by=by, reason=reason, code=Code.REJECTED)

    async def retry(self, job_ids: Sequence[str], *, by: str, reason: str = "") -> list[str]:
        """Queue failed or cancelled jobs again, all or none; their ids.

        Raises FaucetError `not_found`, `bad_request` if one is neither failed nor cancelled, or
        `account_exists` if a newer job has its name.
        """
        return await self._act("retry", job_ids, by=by, reason=reason, code=None)

    async def pause(self, part: str, *, by: str, reason: str) -> None:
        """Let `part`, `intake` or `drain`, stand still until an operator resumes it."""

        def step(tx: Tx) -> None:
            tx.execute(PAUSE, (part, cut(reason, MAX_REASON), cut(by), tx.now))
            _record(tx, by, "pause", part, reason)

        await self._store.run(step)

    async def resume(self, part: str, *, by: str, reason: str = "") -> None:
        """Let `part` go on, whoever paused it. What is not paused stays as it is."""

        def step(tx: Tx) -> None:
            tx.execute(RESUME, (part,))
            _record(tx, by, "resume", part, reason)

        await self._store.run(step)

    async def release_payments(self, job_ids: Sequence[str], *, by: str, reason: str = "") -> list[str]:
        """Give up the held payments of jobs, all or none, so that others pay them; the ids of all jobs that moved.

        The operator vouches that no block holds them. Raises FaucetError `not_found`, or `bad_request` if a job's
        payment is not held.
        """
        return await self._store.run(lambda tx: _release_payments(tx, job_ids, by, reason))

    async def owed(self) -> int:
        """How many jobs wait for an initial balance that is not signed."""
        rows = await self._store.read(OWED)
        return int(rows[0]["jobs"])

    async def waive(self, *, by: str, reason: str = "") -> int:
        """Pay no initial balance to the jobs that wait for one and have none signed; how many there were."""

        def step(tx: Tx) -> int:
            jobs = [row["number"] for row in tx.execute(WAIVE)]
            _record(tx, by, "waive", "", reason)
            derive_states(tx, jobs)
            return len(jobs)

        return await self._store.run(step)

    async def forget(self, name: str, *, by: str, reason: str = "") -> list[Erased]:
        """Erase the personal data of all jobs of `name`, whatever their state; what there was, by job.

        Where nothing is left to erase nothing is recorded. Raises FaucetError `not_found` if no job has the name.
        """

        def step(tx: Tx) -> list[Erased]:
            if not tx.execute(NAME_HAS_JOB, (name,))[0]["found"]:
                raise FaucetError(Code.NOT_FOUND, "No job has this name.")
            erased = erase_of(tx, name)
            for job in erased:
                _record(tx, by, "forget", job.id, reason)
            return erased

        erased = await self._store.run(step)
        await self._store.truncate_log()
        return erased

    async def refollow(self, *, by: str, reason: str = "") -> int:
        """Forget the blocks that were followed, so that they are read anew from the node in use; how many there were.

        Transactions in blocks that are not irreversible wait for a block again, as after a fork.
        """

        def step(tx: Tx) -> int:
            followed = tx.execute(FOLLOWED)[0]
            _record(tx, by, "refollow", str(followed["first"]), reason)
            # What these blocks showed refuses nobody until a block or a list shows it again.
            tx.execute(DOUBT_NAMES, (followed["first"],))
            delete_blocks(tx, followed["first"])
            return int(followed["blocks"])

        return await self._store.run(step)

    async def record(self, *, who: str, what: str, target: str = "", why: str = "") -> None:
        """Record an action that changes nothing in the ledger, such as a login."""
        await self._store.run(lambda tx: _record(tx, who, what, target, why))

    async def audit(self, *, before: int | None = None, target: str | None = None, limit: int = 50) -> list[AuditEntry]:
        """What operators did, to `target` where given, the newest first; those before number `before`."""
        wanted = {"number < ?": before, "target = ?": target}
        conditions = {condition: value for condition, value in wanted.items() if value is not None}
        return await self._store.rows(audit_query(*conditions), (*conditions.values(), limit))

    async def _act(self, action: str, job_ids: Sequence[str], *, by: str, reason: str, code: Code | None) -> list[str]:
        state = _ACTIONS[action]

        def step(tx: Tx) -> list[str]:
            for job_id in job_ids:
                _check_movable(tx, job_id, state)
                tx.execute(MOVE, (state, code, None if code is None else cut(reason, MAX_REASON), tx.now, job_id))
                _record(tx, by, action, job_id, reason)
            tx.moved.extend(job_ids)
            return list(job_ids)

        return await self._store.run(step)


def _record(tx: Tx, who: str, what: str, target: str, why: str) -> None:
    tx.execute(RECORD, (tx.now, cut(who), what, cut(target), cut(why, MAX_REASON)))


def _release_payments(tx: Tx, job_ids: Sequence[str], by: str, reason: str) -> list[str]:
    dead = {_held_payment(tx, job_id) for job_id in job_ids}
    for job_id in job_ids:
        _record(tx, by, "release", job_id, reason)
    tx.executemany(EXPIRE, [(Fate.EXPIRED, tx.now, number) for number in dead])
    derive_states(tx, _jobs_served(tx, dead))
    return list(tx.moved)


def _held_payment(tx: Tx, job_id: str) -> int:
    rows = tx.execute(HELD_PAYMENT, (job_id,))
    if rows:
        return int(rows[0]["number"])
    if not tx.execute(JOB_EXISTS, (job_id,))[0]["found"]:
        raise FaucetError(Code.NOT_FOUND, f"No job has the id {job_id}.")
    raise FaucetError(Code.BAD_REQUEST, f"No payment of job {job_id} is held.")


def _jobs_served(tx: Tx, transactions: Iterable[int]) -> list[int]:
    return [row["job"] for row in tx.execute(JOBS_SERVED, (to_json(transactions),))]


def _check_movable(tx: Tx, job_id: str, to: State) -> None:
    rows = tx.execute(MOVABLE, (job_id,))
    if not rows:
        raise FaucetError(Code.NOT_FOUND, f"No job has the id {job_id}.")
    state = State(rows[0]["state"])
    if state not in _FROM[to]:
        raise FaucetError(Code.BAD_REQUEST, f"Job {job_id} is {state}, so it can't be {to}.")
    check_move(state, to)
    if rows[0]["replaced"]:
        raise FaucetError(Code.ACCOUNT_EXISTS, f"A newer signup has the name of job {job_id}.")
