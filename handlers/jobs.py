"""What became of a signup: once, held until it changes, or as a stream of changes."""

import asyncio

from tornado.iostream import StreamClosedError

from handlers.base import ApiHandler, encode_json
from handlers.render import job_json
from jobs.errors import Code, FaucetError
from jobs.model import ENDED, Job

KEEP_ALIVE = 15.0  #: seconds without a change after which a stream says that it is still there


class JobApiHandler(ApiHandler):
    """What handlers of one job share."""

    async def find(self, job_id: str) -> Job:
        """The job. Raises FaucetError not_found."""
        job = await self.parts.ledger.job(job_id)
        if job is None:
            raise FaucetError(Code.NOT_FOUND, "There is no such job.")
        return job


class JobHandler(JobApiHandler):
    """One job."""

    route = "job"

    async def get(self, job_id: str) -> None:
        """The job now, or as soon as its state is another one than at the call."""
        wait = self.wait_asked()
        with self.parts.ledger.changes.watch(job_id) as watch:
            job = await self.find(job_id)
            if wait and job.state not in ENDED:
                await watch.changed(wait)
                job = await self.find(job_id)
        self.reply({"job": job_json(job)})

    head = get


class JobEventsHandler(JobApiHandler):
    """Server-sent events: the job at once, and at each change, until it has ended."""

    route = "job_events"
    methods = ("GET",)

    async def get(self, job_id: str) -> None:
        """Stream until the job has ended, the client has gone, or the program stops."""
        self._gone = asyncio.Event()
        with self.parts.ledger.changes.watch(job_id) as watch:
            job = await self.find(job_id)
            self.set_header("Content-Type", "text/event-stream; charset=UTF-8")
            self.set_header("X-Accel-Buffering", "no")  # a proxy must not hold events back
            await self._send(_event(job))
            while job.state not in ENDED and not self._gone.is_set() and not watch.ended:
                if await watch.changed(KEEP_ALIVE):
                    job = await self.find(job_id)
                    await self._send(_event(job))
                else:
                    await self._send(": still here\n\n")

    def on_connection_close(self) -> None:
        """Stop at the next chance."""
        self._gone.set()

    async def _send(self, event: str) -> None:
        self.write(event)
        try:
            await self.flush()
        except StreamClosedError:
            self._gone.set()


def _event(job: Job) -> str:
    return f"event: job\ndata: {encode_json({'job': job_json(job)}).decode()}\n\n"
