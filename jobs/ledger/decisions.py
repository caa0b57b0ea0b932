"""Who waits until a job is decided: its account is in a block, or it has ended.

A crowd waits for one block. A task and a read for each of them would cost as much as their signups, so all are looked
up together: once after they came, and where something was written that decides jobs.
"""

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice

from jobs.ledger.job_rows import STATE_OF_LISTED
from jobs.ledger.responses import tell
from jobs.ledger.sql import IN_TEXTS, Query, to_json
from jobs.ledger.store import MAX_JOBS, Part, Store
from jobs.model.job import DECIDED, IN_A_BLOCK, JobStatus, State

SLICE = 32  #: waits that are ended in one iteration of the event loop, each with a reply


def _texts(states: Iterable[State]) -> str:
    return ", ".join(f"'{state}'" for state in sorted(states))


#: What changes with the jobs that are decided: all but a job that is cancelled just as another one is retried, which
#: shows with the next block.
SIGNS = f"""
    SELECT (SELECT id FROM blocks ORDER BY number DESC LIMIT 1) AS head,
           (SELECT sum(jobs) FROM job_counts WHERE state IN ({_texts(IN_A_BLOCK)})) AS registered,
           (SELECT sum(jobs) FROM job_counts WHERE state IN ({_texts(DECIDED - IN_A_BLOCK)})) AS ended
"""
#: Of these jobs, those that are decided, and those whose wait is over.
DECIDED_OR_OVER = Query(
    f"""
    SELECT id, state, code, reason, sent_referrer FROM jobs
    WHERE id {IN_TEXTS} AND ({STATE_OF_LISTED} IN ({_texts(DECIDED)}) OR id {IN_TEXTS})
    """,
    JobStatus,
    bulk=True,
)

Respond = Callable[[JobStatus | Exception], None]


class Wait:
    """One wait for a job."""

    __slots__ = ("_decisions", "is_over", "job_id", "respond", "timer")

    def __init__(self, decisions: "Decisions", job_id: str, seconds: float, respond: Respond) -> None:
        self._decisions = decisions
        self.job_id = job_id
        self.respond = respond
        self.is_over = False  #: the job will do as it is
        self.timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def poke(self) -> None:
        """Say that the job moved."""
        self._decisions.read_soon((self.job_id,))

    def end(self) -> None:
        """Respond with the job's status now."""
        self.is_over = True
        self._decisions.read_soon((self.job_id,))


class Decisions(Part):
    """Tells of jobs that they are decided, whichever process did that."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._waits: dict[str, list[Wait]] = {}  # by the id of the job
        self._new: dict[str, None] = {}  # ids of jobs that were not looked up since somebody waits for them
        self._due: dict[str, None] = {}  # … to be looked up, the longest wait first
        self._signs: tuple[str | None, int, int] | None = None
        self._reader: asyncio.Task[None] | None = None

    def wait(self, job_id: str, seconds: float, respond: Respond) -> Wait:
        """Call `respond` with the job's status once it is decided, or after so many seconds, or at the program's end.

        Or with what went wrong as it was read.
        """
        wait = Wait(self, job_id, seconds, respond)
        self._waits.setdefault(job_id, []).append(wait)
        self._new[job_id] = None
        self._store.changes.add(job_id, wait)
        return wait

    async def poll(self) -> None:
        """Look up what other processes may have decided. Raises FaucetError `ledger_unavailable`."""
        if not self._waits:
            return
        (row,) = await self._store.read(SIGNS)
        signs = row["head"], row["registered"], row["ended"]
        self.read_soon(self._new if signs == self._signs else self._waits)
        self._signs, self._new = signs, {}

    def read_soon(self, job_ids: Iterable[str]) -> None:
        """Look up these jobs."""
        self._due.update(dict.fromkeys(job_ids))
        if self._reader is None and self._due:
            self._reader = asyncio.create_task(self._read(), name="decisions")

    async def _read(self) -> None:
        try:
            while self._due:
                job_ids = [*islice(self._due, MAX_JOBS)]
                for job_id in job_ids:
                    del self._due[job_id]
                await self._look_up(job_ids)
        finally:
            self._reader = None

    async def _look_up(self, job_ids: list[str]) -> None:
        over = [job_id for job_id in job_ids if any(wait.is_over for wait in self._waits.get(job_id, ()))]
        try:
            jobs = await self._store.rows(DECIDED_OR_OVER, (to_json(job_ids), to_json(over)))
        except Exception as error:  # noqa: BLE001  # whatever it was, each caller must hear of it
            for job_id in job_ids:
                self._end([*self._waits.get(job_id, ())], error)
            return
        for number, job in enumerate(jobs, 1):
            is_decided = job.state in DECIDED
            self._end([wait for wait in self._waits.get(job.id, ()) if is_decided or wait.is_over], job)
            if number % SLICE == 0:
                await asyncio.sleep(0)

    def _end(self, waits: list[Wait], result: JobStatus | Exception) -> None:
        for wait in waits:
            wait.timer.cancel()
            self._store.changes.discard(wait.job_id, wait)
            self._waits[wait.job_id].remove(wait)
            if not self._waits[wait.job_id]:
                del self._waits[wait.job_id]
            tell(wait.respond, result)
