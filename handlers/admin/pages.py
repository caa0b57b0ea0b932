"""What operators see: the faucet's state, the jobs, one job with its whole way, and what was done."""

from handlers.admin.base import AdminHandler, AdminPage
from handlers.admin.login import LoginPage
from handlers.admin.timeline import WHAT, timeline
from handlers.pages.overview import overview
from jobs.errors import Code, FaucetError
from jobs.ledger.operators import actions
from jobs.model.job import ENDED, State
from jobs.model.operators import PARTS

DIFFERENCES = 20  #: between ledger and chain, on the dashboard
HELD = 20  #: jobs whose initial balance is held, on the dashboard
ENTRIES = 50  #: of the audit, on a page
DAY = 86_400_000  #: milliseconds
ABOUT_ONE = 1000  #: entries of the audit about one job


class Dashboard(LoginPage):
    """Can it register now, and what stands still."""

    async def show_page(self, _operator: str, *_path: str) -> None:
        """The page."""
        snapshot = self.context.snapshot
        # Another process may have paused or resumed a moment ago.
        await snapshot.refresh()
        pauses = {"intake": snapshot.intake, "drain": snapshot.drain}
        ledger, view = self.context.ledger, await overview(self.context)
        alerts = await ledger.outbox.alerts()
        owed = view.notices.get("owed")
        displayed = {owed, *(alert.text for alert in alerts)}
        self.show(
            "admin/dashboard.html",
            pauses=pauses,
            view=view,
            chain_status=view.chain_status,
            obstacles=view.obstacles,
            notices=[notice for notice in view.notices.values() if notice not in displayed],
            held=await ledger.queries.held_jobs(HELD),
            owed=owed,
            alerts=alerts,
            differences=await ledger.reconciliation.differences(DIFFERENCES),
        )


class JobsPage(AdminPage):
    """Jobs, searched and page by page."""

    route = "admin_jobs"

    async def show_page(self, _operator: str, *_path: str) -> None:
        """The page."""
        text, state = searched(self)
        before, after = self.number("before"), self.number("after")
        found = await self.context.ledger.search.page(text, state=state, before=before, after=after)
        self.show("admin/jobs.html", found=found, text=text, state=state or "", states=list(State))


class AdminJobPage(AdminPage):
    """One job: what became of it and why, and what can be done."""

    route = "admin_job"

    async def show_page(self, _operator: str, *path: str) -> None:
        """The page. Raises FaucetError not_found."""
        ledger, chain_status = self.context.ledger, self.context.snapshot.chain_status
        job = await ledger.queries.job(path[0])
        if job is None:
            raise FaucetError(Code.NOT_FOUND, "There is no such job.")
        signed = await ledger.search.signed_for(job)
        audit = await ledger.operators.audit(target=job.id, limit=ABOUT_ONE)
        api_key = None if job.api_key is None else await ledger.api_keys.find(job.api_key)
        self.show(
            "admin/job.html",
            job=job,
            api_key=api_key,
            events=timeline(job, signed, audit),
            signed=signed,
            what=WHAT,
            actions=actions(job.state),
            ended=job.state in ENDED,
            erased_at=job.created_at + self.context.settings.personal_retention * DAY,
            chain_status=chain_status,
        )


class AuditPage(AdminPage):
    """What operators did."""

    route = "admin_audit"

    async def show_page(self, _operator: str, *_path: str) -> None:
        """The page."""
        before = self.number("before")
        entries = await self.context.ledger.operators.audit(before=before, limit=ENTRIES + 1)
        older = entries[ENTRIES - 1].number if len(entries) > ENTRIES else None
        self.show("admin/audit.html", entries=entries[:ENTRIES], before=before, older=older, parts=PARTS)


def searched(handler: AdminHandler) -> tuple[str, State | None]:
    """What is searched for: text, and state. Raises FaucetError bad_request."""
    text, state = handler.get_argument("search", ""), handler.get_argument("state", "")
    try:
        return text, State(state) if state else None
    except ValueError:
        raise FaucetError(Code.BAD_REQUEST, "There is no such state.", field="state") from None
