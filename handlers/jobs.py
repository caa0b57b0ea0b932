"""What became of a signup: once, held until it changes, or as a stream of changes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tornado.iostream import StreamClosedError

from handlers.base import ApiHandler, encode_json
from handlers.render import job_json
from jobs.changes import Watch
from jobs.errors import Code, FaucetError
from jobs.model import ENDED, Job


class JobApiHandler(ApiHandler):
    """What handlers of one job share."""

    _watch: Watch | None = None

    async def find(self, job_id: str) -> Job:
        """The job. Raises FaucetError not_found."""
        job = await self.parts.ledger.job(job_id)
        if job is None:
            raise FaucetError(Code.NOT_FOUND, "There is no such job.")
        return job

    async def hold(self, job_id: str, seconds: float, enough: Callable[[Job], bool]) -> Job:
        """The job as soon as it is `enough`, or as it is after `seconds`, when the client goes or the program stops."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with self.watching(job_id) as watch:
            job = await self.find(job_id)
            while not enough(job) and await watch.changed(deadline - loop.time()):
                job = await self.find(job_id)
        return job

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Watch]:
        """A watch on the job that also ends when the client goes."""
        with self.parts.ledger.changes.watch(job_id) as self._watch:
            yield self._watch

    def on_connection_close(self) -> None:
        """Wait no longer."""
        super().on_connection_close()
        if self._watch is not None:
            self._watch.end()


class JobHandler(JobApiHandler):
    """One job."""

    route = "job"

    async def get(self, job_id: str) -> None:
        """The job now, or as soon as its state is another one than at the call."""
        wait = self.wait_asked()
        job = await self.find(job_id)
        if wait and job.state not in ENDED:
            before = job.state
            job = await self.hold(job_id, wait, lambda job: job.state is not before)
        self.reply({"job": job_json(job)})

    head = get


class JobEventsHandler(JobApiHandler):
    """Server-sent events: the job at once, and at each change, until it has ended."""

    route = "job_events"
    methods = ("GET", "OPTIONS")

    async def get(self, job_id: str) -> None:
        """Stream until the job has ended, the client has gone, or the program stops."""
        with self.watching(job_id) as watch, suppress(StreamClosedError):
            job = await self.find(job_id)
            self.set_header("Content-Type", "text/event-stream; charset=UTF-8")
            self.set_header("X-Accel-Buffering", "no")  # a proxy must not hold events back
            told = _event(job)
            await self._send(told)
            while job.state not in ENDED and not watch.ended:
                if await watch.changed(self.parts.keep_alive):
                    job = await self.find(job_id)
                    if _event(job) != told:  # a watch may be woken for what was told already
                        told = _event(job)
                        await self._send(told)
                elif not watch.ended:
                    await self._send(": still here\n\n")

    async def _send(self, event: str) -> None:
        """Raises StreamClosedError if the client has gone."""
        self.write(event)
        await self.flush()


def _event(job: Job) -> str:
    return f"event: job\ndata: {encode_json({'job': job_json(job)}).decode()}\n\n"
