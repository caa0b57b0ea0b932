"""Invitations: who was invited and who came; made here, too, and revoked."""

import secrets

from handlers.admin.actions import Action
from handlers.admin.base import PATH, AdminForm, AdminPage
from handlers.invitation_sheet import cards_of
from jobs.errors import Code, FaucetError
from jobs.model.codes import new_code
from jobs.model.invitation import MAX_USES
from jobs.ways.invitations import MAX_DAYS, new_invitation

MAX_MADE = 200  #: codes that are made and shown at once; more are made by the command
INVITATIONS = f"{PATH}/invitations"


class InvitationsPage(AdminPage):
    """The newest ones."""

    route = "admin_invitations"

    async def show_page(self, _operator: str, *_path: str) -> None:
        """The page."""
        found = await self.context.ledger.invitations.newest(self.number("before") or 2**62)
        required = self.context.settings.invitation == "required"
        self.show("admin/invitations.html", invitations=found, required=required, most=MAX_MADE)


class InvitationPage(AdminPage):
    """One, and who used it."""

    route = "admin_invitation"

    async def show_page(self, _operator: str, *path: str) -> None:
        """The page. Raises FaucetError not_found."""
        invitations = self.context.ledger.invitations
        found = await invitations.find(int(path[0]))
        if found is None:
            raise FaucetError(Code.NOT_FOUND, "There is no such invitation.")
        jobs = await invitations.jobs(found.number)
        self.show("admin/invitation.html", invitation=found, jobs=jobs)


class MakeInvitations(AdminForm):
    """Make some, and show their codes, this once."""

    route = "admin_make_invitations"

    async def act(self, operator: str, *_path: str) -> None:
        """Make them, or tell why not."""
        try:
            codes = await self._make(operator)
        except FaucetError as error:
            self.tell("bad", error.sentence)
            self.redirect(INVITATIONS, status=303)
            return
        # A page from a form, as its codes are shown just once: nothing that could be asked for again.
        self.set_header("Cache-Control", "no-store")
        self.show("admin/invitation_codes.html", cards=cards_of(codes, None))

    async def _make(self, operator: str) -> list[str]:
        ledger = self.context.ledger
        bounds = {"count": MAX_MADE, "uses": MAX_USES, "days": MAX_DAYS}
        count, uses, days = (self._whole(field, most) for field, most in bounds.items())
        balance, note = self.get_body_argument("balance", ""), self.get_body_argument("note", "")
        invitation = new_invitation(
            uses=uses or 1, days=days, balance=balance, note=note, now=ledger.now(), settings=self.context.settings,
            precision=self.context.snapshot.chain_status.precision,
        )  # fmt: skip
        codes = [new_code(secrets.choice) for _ in range(count or 1)]
        await ledger.invitations.make(codes, invitation, by=operator)
        return codes

    def _whole(self, field: str, most: int) -> int | None:
        """The number in a field; None where it is empty. Raises FaucetError bad_request."""
        text = self.get_body_argument(field, "").strip()
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > len(str(most)) or not 1 <= int(text) <= most:
            raise FaucetError(Code.BAD_REQUEST, f"'{field}' must be a number from 1 to {most}.", field=field)
        return int(text)


class RevokeInvitation(Action):
    """Let nobody else use one."""

    route = "admin_revoke_invitation"

    async def do(self, operator: str, *path: str) -> str:
        """That of the address."""
        reason = self.reason(needed=False)
        revoked = await self.context.ledger.invitations.revoke(int(path[0]), by=operator, reason=reason)
        return "The invitation is revoked." if revoked else "The invitation was revoked before."

    def page(self, *path: str) -> str:
        """That of the invitation."""
        return f"{INVITATIONS}/{path[0]}"
