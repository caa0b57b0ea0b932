"""The operators' login and logout."""

import re

from handlers.admin.base import PATH, SESSION, AdminForm, AdminPage

MAX_NAME = 64  #: characters of an operator's name
_OUR_PAGE = re.compile(r"/admin(?:[/?][!-~]*)?")


class LoginPage(AdminPage):
    """The base of the first page, which shows the login to clients without a session."""

    route = "admin"
    methods = ("GET", "HEAD", "POST")

    def turn_away(self) -> None:
        """Show the login."""
        self._show_login(self.get_query_argument("next", PATH))

    async def post(self) -> None:
        """Log in and redirect to the page asked for. Raises FaucetError `throttled` after too many failures."""
        if not self.is_open():
            return
        self.read_form()
        await self.find_session()
        if not self.is_our_form():
            return
        operator = self.get_body_argument("name", "")
        if not 0 < len(operator) <= MAX_NAME or not operator.isprintable():
            self._refuse_login(f"Please say who you are, in at most {MAX_NAME} characters.")
        elif await self._knows_password():
            await self.open_session(operator)
            self.redirect(self._next(), status=303)
        else:
            self._refuse_login("That password is wrong.")

    async def _knows_password(self) -> bool:
        hashed = self.context.settings.admin_password_hash or ""
        password = self.get_body_argument("password", "", strip=False)
        return await self.context.guard.admits(password, hashed, self.client_address())

    def _refuse_login(self, problem: str) -> None:
        self.set_status(403)
        self._show_login(self._next(), problem=problem, name=self.get_body_argument("name", ""))

    def _next(self) -> str:
        """The page to show after the login: always one of the operators' pages."""
        target = self.get_body_argument("next", PATH)
        return target if _OUR_PAGE.fullmatch(target) else PATH

    def _show_login(self, target: str, *, problem: str = "", name: str = "") -> None:
        self.show("admin/login.html", next=target, problem=problem, name=name)


class Logout(AdminForm):
    """Ends the session."""

    route = "admin_logout"

    async def act(self, _operator: str, *_path: str) -> None:
        """Log out. Raises FaucetError ledger_unavailable: the session goes on then."""
        if self.session is not None:
            await self.context.ledger.sessions.end(self.session)
        self.clear_cookie(SESSION)
        self.redirect(PATH, status=303)
