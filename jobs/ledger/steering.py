"""What operators do to jobs and to the faucet: each deed and its entry in the audit are one transaction."""

from collections.abc import Sequence

from jobs.errors import Code, FaucetError
from jobs.ledger.book import Book, check_move
from jobs.ledger.database import Connection
from jobs.model import AuditEntry, State

_FROM = {
    State.CANCELLED: (State.QUEUED,),
    State.FAILED: (State.QUEUED,),
    State.QUEUED: (State.FAILED, State.CANCELLED),
}


_DEEDS = {"retry": State.QUEUED, "cancel": State.CANCELLED, "fail": State.FAILED}


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
                "ON CONFLICT (part) DO UPDATE SET reason = ?2, by = ?3",
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
