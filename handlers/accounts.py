"""Signing up, and asking whether a name is free."""

import asyncio

from tornado.web import stream_request_body

from handlers.base import ApiHandler
from handlers.client import client_key
from handlers.render import account_json, job_url, signup_json
from jobs.errors import Code, FaucetError
from jobs.model import IN_A_BLOCK, Job, Limits, Signup, State
from jobs.preview import preview
from jobs.signup import BODY_MOST, SignupRules, check_name, is_test_name, parse_signup
from jobs.terms import named_accounts

NO_REFERRER = "faucet"  #: what stands in the referrer's place in the path of wallets that know none
SETTLED = IN_A_BLOCK | {State.FAILED, State.CANCELLED}


@stream_request_body
class SignupHandler(ApiHandler):
    """POST a signup. The reply is sent only once the job is on disk."""

    route = "signup"
    methods = ("POST",)

    def prepare(self) -> None:
        """Refuse a body that says it is too large before it comes."""
        self._body = bytearray()
        if int(self.request.headers.get("Content-Length") or 0) > BODY_MOST:
            self.set_header("Connection", "close")
            raise FaucetError(Code.TOO_LARGE, f"The request is larger than {BODY_MOST} bytes.")

    def data_received(self, chunk: bytes) -> None:
        """Collect the body; of one that is too large, no more than that is remembered."""
        self._body += chunk[: BODY_MOST + 1 - len(self._body)]

    async def post(self, referrer: str | None = None) -> None:
        """Check, keep, answer."""
        try:
            await self._sign_up(None if referrer == NO_REFERRER else referrer)
        except FaucetError as error:
            self.parts.metrics.signups_total.labels(error.code).inc()
            raise

    async def _sign_up(self, referrer: str | None) -> None:
        settings = self.parts.settings
        rules = SignupRules(
            self.parts.snapshot.facts.prefix, not settings.disable_premium_names, settings.require_fields
        )
        signup = parse_signup(bytes(self._body), rules, referrer)
        wait = self.wait_asked()
        if is_test_name(signup.name) or self.get_query_argument("dry_run", "") in ("1", "true"):
            await self._try_out(signup)
            return
        job = await self.parts.ledger.accept(signup, self._limits())
        self.parts.metrics.signups_total.labels("accepted").inc()
        job = await self._hold(job, settings.reply_wait if wait is None else wait)
        self.set_header("Location", job_url(job.id))
        self.reply(signup_json(job, settings.default_referrer))

    def _limits(self) -> Limits:
        settings = self.parts.settings
        payment = settings.payment
        return Limits(
            address=self._address() if settings.restrict_ip else None,
            interval=settings.minIPAge,
            queue=settings.queue_limit,
            initial_balance=None if payment is None else f"{payment:f}",
        )

    def _address(self) -> str | None:
        headers = self.request.headers
        return client_key(
            self.request.remote_ip or "",
            headers.get_list("X-Forwarded-For"),
            headers.get("X-Real-IP"),
            self.parts.settings.trusted_proxies,
        )

    async def _try_out(self, signup: Signup) -> None:
        """Make every check, keep nothing, show what would be sent."""
        settings = self.parts.settings
        await self.parts.ledger.check(signup, self._limits())
        names = named_accounts(settings) | ({signup.referrer} if signup.referrer else set())
        ids = await self.parts.ledger.account_ids(names)
        operation = preview(signup, settings, self.parts.snapshot.facts, ids)
        account = account_json(signup, settings.default_referrer)
        self.reply({"account": account, "dry_run": True, "operation": operation})

    async def _hold(self, job: Job, seconds: float) -> Job:
        """The job when its account is in a block, or after `seconds`. Raises FaucetError if it fails meanwhile."""
        if not seconds or job.state in SETTLED:
            return job
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        with self.parts.ledger.changes.watch(job.id) as watch:
            moved = True
            while moved:
                job = await self.parts.ledger.job(job.id) or job
                if job.state in SETTLED:
                    break
                moved = await watch.changed(deadline - loop.time())
        if job.code is not None:
            raise FaucetError(Code(job.code), job.reason or "The signup failed.")
        return job


class AccountHandler(ApiHandler):
    """Whether a name is free, without asking the chain."""

    route = "account"

    async def get(self, name: str) -> None:
        """`available`, and why not."""
        code, state = await self._problem(name)
        self.reply({"account": {"name": name, "available": code is None, "code": code, "state": state}})

    head = get

    async def _problem(self, name: str) -> tuple[Code | None, State | None]:
        try:
            check_name(name, allow_premium=not self.parts.settings.disable_premium_names)
        except FaucetError as error:
            return error.code, None
        return await self.parts.ledger.availability(name)
