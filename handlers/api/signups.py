"""The signup endpoint: checks a signup, submits it to the ledger, and replies once the job is on disk.

It is no request handler, which costs as much as all the rest of a signup, and makes a task only for what must wait:
a crowd sends tens of thousands.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from tornado.httputil import HTTPMessageDelegate

from handlers.api.dry_run import dry_run
from handlers.api.rules import check_client, check_encoding, check_listed, limits_of, rules_of
from handlers.http.errors import error_of_job, internal_error
from handlers.http.headers import api_key_hash_of
from handlers.http.paths import referrer_in
from handlers.http.preferences import is_dry_run, requested_wait
from handlers.render import job_url, signup_reply
from handlers.request import Request
from jobs.errors import FaucetError
from jobs.model.job import IN_A_BLOCK, Job, JobStatus, Limits, Quota, RequestedSignup, Signup
from jobs.signup import has_referrer_by_id, is_test_name, parse_signup, spelled_account

if TYPE_CHECKING:
    from jobs.ledger.decisions import Wait

log = logging.getLogger("faucet.http")


class SignupEndpoint(HTTPMessageDelegate):
    """Answers one signup."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._context = request.context
        self._body = b""
        self._is_dry_run = False
        self._wait = 0.0  # seconds for which the reply may be held
        self._headers: dict[str, str] = {}  # of the reply, besides those of every reply
        self._api_key: str | None = None  # its hash
        self._job: Job | None = None  # once it is on disk
        self._held: Wait | None = None  # while the reply is
        self._task: asyncio.Task[None] | None = None  # the event loop keeps no reference to it

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take the body, which comes whole."""
        self._body = chunk
        return None

    def finish(self) -> None:
        """The request is complete."""
        self._attempt(self._start)

    def on_connection_close(self) -> None:
        """The client has disconnected: the job stays, the wait for it ends."""
        if self._held is not None:
            self._held.end()

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step towards the reply; whatever goes wrong in it becomes the reply."""
        try:
            step()
        except FaucetError as error:
            self._refuse(error)
        except Exception as error:  # noqa: BLE001  # the client must get a reply
            self._fail(error)

    def _run(self, steps: Coroutine[None, None, None]) -> None:
        """Take steps that must wait."""
        self._task = asyncio.create_task(steps)
        self._task.add_done_callback(self._end_task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():  # as only the end of the program does
            self._attempt(task.result)

    def _start(self) -> None:
        """Submit the signup, at once if nothing must be looked up first. Raises FaucetError."""
        self._read_options()
        check_encoding(self._request.headers)
        self._api_key = api_key_hash_of(self._request.headers)
        check_client(self._context, lambda: self._request.listed_client)
        referrer = spelled_account(referrer_in(self._request.path) or "")
        if referrer is not None:
            self._run(self._look_up_and_submit(referrer))
            return
        signup = parse_signup(self._body, rules_of(self._context))
        if self._is_tried_only(signup) or has_referrer_by_id(signup):
            self._run(self._look_up_and_submit(None))
        else:
            check_listed(self._context, signup.name, signup.referrer)
            self._submit(signup)

    def _read_options(self) -> None:
        """Read how the client wants to be served. Raises FaucetError bad_request."""
        settings, query = self._context.settings, self._request.query_arguments
        prefer = self._request.headers.get("Prefer", "")
        self._wait = settings.reply_wait
        if not query and not prefer:
            return
        wait, self._headers = requested_wait(query, prefer, settings.reply_wait_max)
        self._wait = settings.reply_wait if wait is None else wait
        self._is_dry_run = is_dry_run(query)

    def _is_tried_only(self, signup: Signup) -> bool:
        return self._is_dry_run or is_test_name(signup.name)

    async def _look_up_and_submit(self, referrer_in_path: str | None) -> None:
        """The same as `_start`, with every referrer by the name that the chain knows. Raises FaucetError."""
        signup = await self._named_signup(referrer_in_path)
        check_listed(self._context, signup.name, signup.referrer)
        if self._is_tried_only(signup):
            body = await dry_run(self._context, signup, self._limits_of(signup, await self._checked_work(signup)))
            self._count("dry_run")
            self._request.reply(200, body, self._headers)
        else:
            self._submit(signup)

    async def _named_signup(self, referrer_in_path: str | None) -> RequestedSignup:
        """The signup, with the name of its referrer where that is an id. Raises FaucetError.

        A referrer in the path that the chain does not know, or a list denies, gives way: the wallet's address names
        it, not the person.
        """
        ledger = self._context.ledger
        in_path = None if referrer_in_path is None else await ledger.names.find(referrer_in_path)
        if in_path is not None and self._context.lists.now.denies_referrer(in_path):
            in_path = None
        signup = parse_signup(self._body, rules_of(self._context), in_path)
        if not has_referrer_by_id(signup):
            return signup
        name = await ledger.names.find(signup.referrer or "")
        return signup if name is None else msgspec.structs.replace(signup, referrer=name)

    def _submit(self, signup: RequestedSignup) -> None:
        """Submit the signup to the ledger, once its proof of work is checked. Raises FaucetError."""
        work = self._work_of(signup)
        if isinstance(work, Coroutine):
            self._run(self._wait_and_submit(signup, work))
        else:
            self._submit_with(signup, work)

    async def _wait_and_submit(self, signup: RequestedSignup, work: Coroutine[None, None, Quota | FaucetError]) -> None:
        self._submit_with(signup, await work)

    def _submit_with(self, signup: RequestedSignup, work: Quota | FaucetError | None) -> None:
        """Submit the signup to the ledger, which answers once it is on disk. Raises FaucetError."""
        limits = self._limits_of(signup, work)
        self._context.ledger.signups.submit(signup, limits, self._take)

    def _limits_of(self, signup: RequestedSignup, work: Quota | FaucetError | None) -> Limits:
        origin = None if self._api_key is None else self._request.headers.get("Origin")
        address = self._request.limited_address
        return limits_of(self._context, address, invite=signup.invite, work=work, api_key=self._api_key, origin=origin)

    def _work_of(
        self, signup: RequestedSignup
    ) -> Quota | FaucetError | Coroutine[None, None, Quota | FaucetError] | None:
        """What its proof of work is to the ledger; None if nobody is asked for any."""
        proofs = self._context.proofs
        return None if proofs is None else proofs.check(signup.work, self._request.limited_address)

    async def _checked_work(self, signup: RequestedSignup) -> Quota | FaucetError | None:
        work = self._work_of(signup)
        return await work if isinstance(work, Coroutine) else work

    def _take(self, result: Job | Exception) -> None:
        self._attempt(partial(self._accept, result))

    def _accept(self, job: Job | Exception) -> None:
        if isinstance(job, Exception):
            raise job
        self._job = job
        self._count("accepted", None if self._api_key is None else job.api_key)
        if job.invitation is not None:
            self._context.metrics.invited.inc()
        if self._wait and job.state not in IN_A_BLOCK and not self._request.is_abandoned:
            self._hold(job)
        else:
            self._reply(job.signup, job)

    def _hold(self, job: Job) -> None:
        """Reply once the job is decided, when the wait is over, or at once if too many replies are held."""
        held, client = self._context.held, self._request.client_address
        if held.refusal(client) is not None:  # the reply is the ordinary one: the job is on disk
            self._reply(job.signup, job)
            return
        held.add(client)
        end = partial(self._end_hold, client, job.signup)
        self._held = self._context.ledger.decisions.wait(job.id, self._wait, end)

    def _end_hold(self, client: str | None, signup: Signup, result: JobStatus | Exception) -> None:
        self._context.held.remove(client)
        self._held = None
        self._attempt(lambda: self._reply(signup, result))

    def _reply(self, signup: Signup, job: Job | JobStatus | Exception) -> None:
        """Reply with the job, or with the error that ended it. Raises what was found instead of it."""
        if isinstance(job, Exception):
            raise job
        if (error := error_of_job(job)) is not None:
            self._refuse(error)
            return
        body = signup_reply(signup, job, self._context.settings.default_referrer)
        self._request.reply(200, body, {**self._headers, "Location": job_url(job.id)})

    def _refuse(self, error: FaucetError) -> None:
        if self._job is None:  # else it was counted as accepted
            self._count(error.code, error.api_key)
            if error.limit is not None:
                self._context.metrics.throttled(error.limit).inc()
        self._request.reply_error(error, self._headers)

    def _fail(self, error: Exception) -> None:
        """Reply that something went wrong here, and log it under an id that the reply names."""
        incident = self._context.random_id()
        fields = {"incident": incident, "request": self._request.request_id}
        log.error("request failed", exc_info=error, extra={"fields": fields})
        self._request.reply_error(internal_error(incident), {})

    def _count(self, outcome: str, api_key: int | None = None) -> None:
        self._context.metrics.signups(outcome).inc()
        if api_key is not None:
            self._context.metrics.api_key_signups(api_key, outcome).inc()
