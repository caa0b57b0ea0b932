"""The pages that people read."""

import time
from typing import Any

from handlers.base import Handler, Parts
from handlers.health import readiness
from jobs.errors import Code, FaucetError
from jobs.model import ENDED, Job, State

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
HOUR = 3_600_000  #: milliseconds
DAY = 24 * HOUR
RECENT = 15  #: jobs on the status page

#: The steps of a signup as the job page shows them.
STEPS = (
    (State.QUEUED, "Accepted", "It is on disk and waits for the next drain."),
    (State.BROADCAST, "Sent", "A signed transaction is on its way to the chain."),
    (State.REGISTERED, "Registered", "The account is in a block."),
    (State.FUNDING, "Funding", "Its initial balance is on its way."),
    (State.FUNDED, "Funded", "The initial balance is in a block."),
    (State.DONE, "Done", "All of it is irreversible."),
)
_PAYING = (State.FUNDING, State.FUNDED)


class PageHandler(Handler):
    """The base of pages: HTML, also when something is wrong."""

    def set_default_headers(self) -> None:
        """Nothing from elsewhere, in no frame of others."""
        super().set_default_headers()
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def show(self, template: str, **values: Any) -> None:
        """Finish with a page."""
        self.finish(self.parts.pages.render(template, **values))

    def show_error(self, error: FaucetError) -> None:
        """The error as a page."""
        self.show("error.html", error=error, status=self.get_status())


class PageNotFound(PageHandler):
    """Every other address."""

    def prepare(self) -> None:
        """Answer any method alike."""
        raise FaucetError(Code.NOT_FOUND, "There is nothing at this address.")


class IndexPage(PageHandler):
    """What this is, and how to call it."""

    route = "index_page"

    async def get(self) -> None:
        """The page."""
        parts = self.parts
        self.show(
            "index.html",
            obstacles=await obstacles(parts),
            facts=parts.snapshot.facts,
            settings=parts.settings,
            origin=f"{self.request.protocol}://{self.request.host}",
        )

    head = get


class StatusPage(PageHandler):
    """Can a new user register now, and how are the others doing."""

    route = "status_page"

    async def get(self) -> None:
        """The page."""
        ledger, facts = self.parts.ledger, self.parts.snapshot.facts
        now = int(time.time() * 1000)
        oldest = await ledger.oldest_waiting()
        self.show(
            "status.html",
            obstacles=await obstacles(self.parts),
            facts=facts,
            signups_paid=self._signups_paid(),
            counts=await ledger.counts(),
            states=list(State),
            accepted=await ledger.accepted_since(now - HOUR),
            registered=await ledger.registered_since(now - HOUR),
            failures=await ledger.failures_since(now - DAY),
            oldest=None if oldest is None else (now - oldest) // 1000,
            recent=await ledger.recent(RECENT),
            head_age=None if facts.head_time is None else max(0, now // 1000 - facts.head_time),
        )

    head = get

    def _signups_paid(self) -> int | None:
        """How many signups the registrar's balance pays for, initial balances included."""
        facts, payment = self.parts.snapshot.facts, self.parts.settings.payment
        if facts.balance is None or facts.fee is None or facts.precision is None:
            return None
        price = facts.fee + (int(payment.scaleb(facts.precision)) if payment is not None else 0)
        return facts.balance // max(1, price)


class JobPage(PageHandler):
    """One signup, live."""

    route = "job_page"

    async def get(self, job_id: str) -> None:
        """The page. Raises FaucetError not_found."""
        job = await self.parts.ledger.job(job_id)
        if job is None:
            raise FaucetError(Code.NOT_FOUND, "There is no such signup.")
        self.show("job.html", job=job, steps=steps_of(job), ended=job.state in ENDED)

    head = get


async def obstacles(parts: Parts) -> list[str]:
    """Why nobody can register now, a sentence each; empty if everybody can."""
    checks = await readiness(parts.ledger, parts.snapshot, parts.settings.max_head_age, time.time())
    return [f"{name}: {check.text}" for name, check in checks.items() if not check.ok]


def steps_of(job: Job) -> list[dict[str, str]]:
    """The steps of `job` in order, each `done`, `now` or `later`."""
    steps = [step for step in STEPS if job.initial_balance is not None or step[0] not in _PAYING]
    order = [state for state, _, _ in steps]
    reached = order.index(job.state) if job.state in order else (order.index(State.REGISTERED) if job.account_id else 0)
    is_over = job.state in (State.DONE, State.FAILED, State.CANCELLED)
    return [
        {"title": title, "text": text, "when": _when(position, reached, is_over=is_over)}
        for position, (_, title, text) in enumerate(steps)
    ]


def _when(position: int, reached: int, *, is_over: bool) -> str:
    if position < reached or (position == reached and is_over):
        return "done"
    return "now" if position == reached else "later"
