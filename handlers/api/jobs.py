"""A job over HTTP: as it is now, after a long poll, or as a stream of server-sent events."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tornado.http1connection import HTTP1Connection
from tornado.iostream import StreamClosedError

from handlers.api.waiting import find_job, wait_for_job
from handlers.base import ApiHandler
from handlers.render import job_view
from handlers.replies import JobReply, encode_json
from jobs.ledger.changes import Watch
from jobs.model.job import ENDED, Job


class JobApiHandler(ApiHandler):
    """The base of handlers of one job."""

    _watch: Watch | None = None

    @contextmanager
    def watching(self, job_id: str) -> Iterator[Watch]:
        """A watch on the job that also ends when the client disconnects.

        Raises FaucetError `throttled` or `overloaded` if too many replies are held.
        """
        context = self.context
        with context.held.hold(self.client_address()), context.ledger.changes.watch(job_id) as self._watch:
            yield self._watch

    def on_connection_close(self) -> None:
        """Stop waiting."""
        super().on_connection_close()
        if self._watch is not None:
            self._watch.end()


class JobHandler(JobApiHandler):
    """One job."""

    route = "job"

    async def get(self, job_id: str) -> None:
        """The job as it is, or once its state has changed if the client asked to wait."""
        wait = self.requested_wait()
        job = await find_job(self.context.ledger, job_id)
        if wait and job.state not in ENDED:
            before = job.state
            with self.watching(job_id) as watch:
                job = await wait_for_job(self.context.ledger, watch, job_id, wait, lambda job: job.state is not before)
        self.reply(JobReply(job_view(job)))

    head = get


class JobEventsHandler(JobApiHandler):
    """Server-sent events: the job now and after each change, until it has ended."""

    route = "job_events"
    methods = ("GET", "OPTIONS")

    async def get(self, job_id: str) -> None:
        """Stream until the job has ended, the client has disconnected, or the program stops.

        A client that already has the last event of an ended job gets status 204, which stops its EventSource.
        """
        with self.watching(job_id) as watch, suppress(StreamClosedError):
            job = await find_job(self.context.ledger, job_id)
            sent = self.request.headers.get("Last-Event-ID", "")
            if job.state in ENDED and _id(job) == sent:
                self.set_status(204)
                self.clear_header("Content-Type")
                return
            self._begin()
            if _id(job) == sent:
                await self._write(STILL_HERE)  # for the headers to go
            sent = await self._send(job, sent)
            while job.state not in ENDED and not watch.ended:
                if await watch.changed(self.context.keep_alive):
                    job = await find_job(self.context.ledger, job_id)
                    sent = await self._send(job, sent)
                elif not watch.ended:
                    await self._write(STILL_HERE)
        self._end()

    def _begin(self) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=UTF-8")
        self.set_header("X-Accel-Buffering", "no")  # no buffering by nginx
        # HTTP/1.0 has no chunks: closing the connection is what ends the stream, so keep-alive is ignored.
        self.request.headers.pop("Connection", None)

    async def _send(self, job: Job, sent: str) -> str:
        """Send the job unless it was `sent` already: a watch may wake for a known move. Returns the event's id.

        Raises StreamClosedError if the client has disconnected.
        """
        event_id = _id(job)
        if event_id != sent:
            await self._write(f"id: {event_id}\nevent: job\ndata: {_data(job).decode()}\n\n")
        return event_id

    async def _write(self, text: str) -> None:
        self.write(text)
        await self.flush()

    def _end(self) -> None:
        connection = self.request.connection
        if self.request.version == "HTTP/1.0" and isinstance(connection, HTTP1Connection):
            connection.close()


STILL_HERE = ": still here\n\n"


def _data(job: Job) -> bytes:
    return encode_json(JobReply(job_view(job)))


def _id(job: Job) -> str:
    """The event's id: a digest of its data, so that equal data is the same event."""
    return hashlib.blake2b(_data(job), digest_size=8).hexdigest()
