"""What operators do: each form is acted on, then leads back to its page, which tells what came of it."""

from urllib.parse import quote

from handlers.admin.base import PATH, AdminForm
from jobs.errors import Code, FaucetError
from jobs.monitoring.notices import check_waivable

MAX_REASON = 200  #: characters


def job_page(job_id: str) -> str:
    """The address of the page of a job; the id is any text that a client put into the path."""
    return f"{PATH}/jobs/{quote(job_id, safe='')}"


class Action(AdminForm):
    """The base of what is done for a reason."""

    async def act(self, operator: str, *path: str) -> None:
        """Do it, or tell why not."""
        try:
            self.tell("good", await self.do(operator, *path))
        except FaucetError as error:
            self.tell("bad", error.sentence)
        self.redirect(self.page(*path), status=303)

    async def do(self, operator: str, *path: str) -> str:
        """A sentence of what was done. Raises FaucetError."""
        raise NotImplementedError

    def page(self, *path: str) -> str:
        """The address of the page that the form is on."""
        raise NotImplementedError

    def reason(self, *, needed: bool) -> str:
        """Why it is done. Raises FaucetError bad_request if that is missing though `needed`, or too long."""
        reason = self.get_body_argument("reason", "")
        if needed and not reason:
            raise FaucetError(Code.BAD_REQUEST, "Please give a reason: those who sign up are told it.", field="reason")
        if len(reason) > MAX_REASON:
            raise FaucetError(Code.BAD_REQUEST, f"A reason has at most {MAX_REASON} characters.", field="reason")
        return reason


class PauseAction(Action):
    """Let the intake or the drain stand still."""

    route = "admin_pause"

    async def do(self, operator: str, *path: str) -> str:
        """Pause the part that the address names."""
        (part,) = path
        await self.context.ledger.operators.pause(part, by=operator, reason=self.reason(needed=True))
        await self.context.snapshot.refresh()
        return f"The {part} is paused."

    def page(self, *_path: str) -> str:
        """The first one."""
        return PATH


class ResumeAction(Action):
    """Let the intake or the drain go on."""

    route = "admin_resume"

    async def do(self, operator: str, *path: str) -> str:
        """Resume the part that the address names."""
        (part,) = path
        await self.context.ledger.operators.resume(part, by=operator, reason=self.reason(needed=False))
        await self.context.snapshot.refresh()
        return f"The {part} goes on."

    def page(self, *_path: str) -> str:
        """The first one."""
        return PATH


class JobAction(Action):
    """Retry, cancel or fail a job."""

    route = "admin_job_action"

    async def do(self, operator: str, *path: str) -> str:
        """What the end of the address says."""
        job_id, action = path
        ledger, reason = self.context.ledger, self.reason(needed=action != "retry")
        if action == "retry":
            await ledger.operators.retry([job_id], by=operator, reason=reason)
            return "The job is queued again."
        if action == "cancel":
            await ledger.operators.cancel([job_id], by=operator, reason=reason)
            return "The job is cancelled."
        await ledger.operators.fail([job_id], by=operator, reason=reason)
        return "The job is failed."

    def page(self, *path: str) -> str:
        """That of the job."""
        return job_page(path[0])


class ReleaseAction(Action):
    """Give up the held initial balance of a job, so that another pays it."""

    route = "admin_release"

    async def do(self, operator: str, *path: str) -> str:
        """Release the payment of the job that the address names, and with it those of its transaction."""
        (job_id,) = path
        released = await self.context.ledger.operators.release_payments(
            [job_id], by=operator, reason=self.reason(needed=False)
        )
        others = f", and with it that of {len(released) - 1} others" if len(released) > 1 else ""
        return f"The initial balance is released{others}: it is paid anew."

    def page(self, *path: str) -> str:
        """That of the job."""
        return job_page(path[0])


class ForgetAction(Action):
    """Erase personal data."""

    route = "admin_forget"

    async def do(self, operator: str, *path: str) -> str:
        """Erase those of the job that the address names, and of all others of its name."""
        ledger = self.context.ledger
        job = await ledger.queries.job(path[0])
        if job is None:
            raise FaucetError(Code.NOT_FOUND, "There is no such job.")
        erased = await ledger.operators.forget(job.signup.name, by=operator, reason=self.reason(needed=False))
        return f"Signups whose personal data were erased: {len(erased):,}."

    def page(self, *path: str) -> str:
        """That of the job."""
        return job_page(path[0])


class WaiveAction(Action):
    """Pay no initial balance to those who wait for one, though none is configured."""

    route = "admin_waive"

    async def do(self, operator: str, *_path: str) -> str:
        """Waive what is owed."""
        check_waivable(self.context.settings)
        waived = await self.context.ledger.operators.waive(by=operator, reason=self.reason(needed=False))
        return f"Initial balances waived: {waived:,}."

    def page(self, *_path: str) -> str:
        """The first one."""
        return PATH
