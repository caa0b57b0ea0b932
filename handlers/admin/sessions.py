"""Who is logged in, and how everybody is logged out."""

from handlers.admin.actions import Action
from handlers.admin.base import PATH, SESSION, AdminPage


class SessionsPage(AdminPage):
    """The sessions that last."""

    route = "admin_sessions"

    async def show_page(self, _operator: str, *_path: str) -> None:
        """The page."""
        sessions = await self.context.ledger.sessions.all(key_id=self.context.key_id)
        own = None if self.session is None else self.session.hash
        self.show("admin/sessions.html", sessions=sessions, own=own)


class EndSessions(Action):
    """End them all."""

    route = "admin_end_sessions"

    async def do(self, operator: str, *_path: str) -> str:
        """This one, too."""
        await self.context.ledger.sessions.end_all(by=operator)
        self.clear_cookie(SESSION)
        return "All sessions are ended, this one too."

    def page(self, *_path: str) -> str:
        """The login."""
        return PATH
