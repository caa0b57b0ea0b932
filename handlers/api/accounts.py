"""Signing up, and asking whether a name is free."""

import asyncio

import msgspec
from tornado.httputil import HTTPHeaders

from handlers.api.jobs import JobApiHandler
from handlers.base import ApiHandler, AppContext, address_of
from handlers.http.errors import error_of_job, refusal_status
from handlers.http.preferences import is_wished
from handlers.render import account_json, job_url, signup_json
from jobs.budget import is_premium_too_dear, retry_after
from jobs.errors import Code, FaucetError
from jobs.model.chain import ReferrerAnswer
from jobs.model.job import ENDED, IN_A_BLOCK, Job, Limits, Signup, State
from jobs.signup import SignupRules, check_name, has_referrer_by_id, is_test_name, parse_signup, spelled_account
from jobs.template import named_accounts, preview

NO_REFERRER = "faucet"  #: what stands in the referrer's place in the path of wallets that know none

ANSWER_INTERVAL = 0.05  #: seconds between two looks at whether the chain's owner has answered


def rules_of(context: AppContext) -> SignupRules:
    """What signups must keep to now."""
    settings, chain_status = context.settings, context.snapshot.chain_status
    return SignupRules(
        prefix=chain_status.prefix,
        allow_premium=not settings.disable_premium_names and not is_premium_too_dear(chain_status),
        reserved_ending=chain_status.reserved_ending,
        required_fields=settings.require_fields,
    )


def limits_of(context: AppContext, peer: str, headers: HTTPHeaders) -> Limits:
    """What a signup that `peer` sends with `headers` is held to now."""
    settings = context.settings
    payment = settings.payment
    return Limits(
        address=address_of(context, peer, headers) if settings.restrict_ip else None,
        interval=settings.minIPAge,
        queue=settings.queue_limit,
        initial_balance=None if payment is None else f"{payment:f}",
        retry_after=retry_after(settings.queue_limit, context.snapshot.registration_rate),
    )


def check_encoding(headers: HTTPHeaders) -> None:
    """Raises FaucetError unsupported_media_type for a compressed body: a small one could become a huge one."""
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FaucetError(Code.UNSUPPORTED_MEDIA_TYPE, "Please send the signup as it is, without compression.")


class SignupHandler(JobApiHandler):
    """POST a signup. The reply is sent only once the job is on disk."""

    route = "signup"
    methods = ("POST", "OPTIONS")

    async def post(self, referrer: str | None = None) -> None:
        """Check, keep, answer."""
        try:
            wait, is_dry_run = self._wait(), self._is_dry_run()
            signup = await self._signup(referrer)
            if is_dry_run or is_test_name(signup.name):
                await self._try_out(signup)
                return
            job = await self.context.ledger.signups.accept(signup, self._limits())
        except FaucetError as error:
            self._count(error.code)
            self._refuse(error)
            return
        self._count("accepted")
        if wait and job.state not in IN_A_BLOCK:
            job = await self.hold(job.id, wait, lambda job: job.state in IN_A_BLOCK | ENDED)
        self._answer(job)

    def _answer(self, job: Job) -> None:
        if (error := error_of_job(job)) is not None:
            self._refuse(error)
            return
        self.set_header("Location", job_url(job.id))
        self.reply(signup_json(job, self.context.settings.default_referrer))

    def _refuse(self, error: FaucetError) -> None:
        self.answer_with(error, status=refusal_status(error, old_clients=self.context.settings.old_clients))

    async def _signup(self, referrer: str | None) -> Signup:
        """The signup that was posted, its referrer by name. Raises FaucetError."""
        check_encoding(self.request.headers)
        signup = parse_signup(bytes(self.body), rules_of(self.context), await self._referrer_in_path(referrer))
        if not has_referrer_by_id(signup):
            return signup
        name = await self.context.ledger.names.find(signup.referrer or "")
        return signup if name is None else msgspec.structs.replace(signup, referrer=name)

    def _wait(self) -> float:
        """Seconds to hold the reply. Raises FaucetError bad_request."""
        asked = self.wait_asked()
        return self.context.settings.reply_wait if asked is None else asked

    def _is_dry_run(self) -> bool:
        """Raises FaucetError bad_request for a wish that is not understood: it must not become a signup."""
        spelled = [name for name in self.request.query_arguments if name.lower().replace("-", "_") == "dry_run"]
        return is_wished("dry_run", [value for name in spelled for value in self.get_query_arguments(name)])

    async def _referrer_in_path(self, wish: str | None) -> str | None:
        """The account that the path wishes for; None where the chain has none: the address wished, not the person."""
        spelled = None if wish is None or wish == NO_REFERRER else spelled_account(wish)
        return None if spelled is None else await self.context.ledger.names.find(spelled)

    def _limits(self) -> Limits:
        return limits_of(self.context, self.request.remote_ip or "", self.request.headers)

    async def _try_out(self, signup: Signup) -> None:
        """Make every check, keep nothing, show what would be sent. Raises FaucetError."""
        settings = self.context.settings
        await self.context.ledger.signups.check(signup, self._limits())
        answer = await self._referrer_now(signup.referrer or "")
        names = named_accounts(settings) | ({signup.referrer} if signup.referrer else set())
        ids = await self.context.ledger.names.account_ids(names)
        operation = preview(signup, settings, self.context.snapshot.chain_status, ids, answer)
        self._count("dry_run")
        account = account_json(signup, settings.default_referrer)
        if answer is not None:
            account["referrer"] = answer.name
        self.reply({"account": account, "dry_run": True, "operation": operation})

    async def _referrer_now(self, asked: str) -> ReferrerAnswer | None:
        """Whom the drain would name as referrer, by the chain's owner; None if that does not answer in time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self.context.answer_wait if self.context.snapshot.chain_status.connected else 0)
        answer = await self.context.ledger.referrers.answer(asked)
        if answer is None and loop.time() < deadline:
            await self.context.ledger.referrers.ask(asked)
        while answer is None and loop.time() < deadline:
            await asyncio.sleep(ANSWER_INTERVAL)
            answer = await self.context.ledger.referrers.answer(asked)
        return answer

    def _count(self, outcome: str) -> None:
        self.context.metrics.signups(outcome).inc()


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
            check_name(name, rules_of(self.context))
        except FaucetError as error:
            return error.code, None
        return await self.context.ledger.names.availability(name)
