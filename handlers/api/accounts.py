"""The addresses of accounts: whether a name is free, and what those of signups answer to other methods than POST."""

from handlers.api.rules import check_listed, rules_of
from handlers.base import ApiHandler
from handlers.replies import Availability, AvailabilityReply
from handlers.request import SIGNUP_ROUTE
from jobs.errors import FaucetError
from jobs.model.job import State
from jobs.signup import check_name


class SignupOptions(ApiHandler):
    """Preflights, and the refusal of methods; POST is answered by the signup endpoint."""

    route = SIGNUP_ROUTE
    methods = ("POST", "OPTIONS")


class AccountHandler(ApiHandler):
    """Whether a name is free, without asking the chain."""

    route = "account"

    async def get(self, name: str) -> None:
        """`available`, and why not."""
        problem, state = await self._problem(name)
        code, reason = (None, None) if problem is None else (problem.code, problem.sentence)
        self.reply(AvailabilityReply(Availability(name, code is None, code, reason, state)))

    head = get

    async def _problem(self, name: str) -> tuple[FaucetError | None, State | None]:
        try:
            check_name(name, rules_of(self.context))
            check_listed(self.context, name)
        except FaucetError as error:
            return error, None
        code, state = await self.context.ledger.names.availability(name)
        return None if code is None else FaucetError(code, "Account exists"), state
