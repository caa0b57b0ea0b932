"""Reads of single jobs: those that are asked for while one is read are read together.

A block wakes thousands that wait for their jobs. Each read of its own would cost nearly as much as the signup.
"""

import asyncio

from jobs.ledger.job_rows import select_jobs
from jobs.ledger.responses import respond
from jobs.ledger.sql import IN_TEXTS, to_json
from jobs.ledger.store import Part, Store
from jobs.model.job import Job

BY_IDS = select_jobs(f"WHERE jobs.id {IN_TEXTS}", bulk=True)

Responses = dict[str, list[asyncio.Future[Job | None]]]


class JobReads(Part):
    """One read at a time, for all that asked before it began."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._waiting: Responses = {}
        self._reader: asyncio.Task[None] | None = None

    async def job(self, job_id: str) -> Job | None:
        """The job with the outside id `job_id`, None if there is none. Raises FaucetError `ledger_unavailable`."""
        response: asyncio.Future[Job | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(job_id, []).append(response)
        if self._reader is None:
            self._reader = asyncio.create_task(self._read(), name="job reads")
        return await response

    async def _read(self) -> None:
        try:
            while self._waiting:
                responses, self._waiting = self._waiting, {}
                await self._respond(responses)
        finally:
            self._reader = None

    async def _respond(self, responses: Responses) -> None:
        results: dict[str, Job | Exception | None]
        try:
            found = {job.id: job for job in await self._store.rows(BY_IDS, (to_json(responses),))}
        except Exception as error:  # noqa: BLE001  # whatever it was, each caller must hear of it
            results = dict.fromkeys(responses, error)
        else:
            results = {job_id: found.get(job_id) for job_id in responses}
        for job_id, waiting in responses.items():
            for response in waiting:
                respond(response, results[job_id])
