"""Invitations: who was invited and who came; made here, too, and revoked."""

import secrets

from handlers.admin.base import PATH, AdminForm, AdminPage
from handlers.admin.credentials import RevokeCredential, credential_at, whole_number
from handlers.invitation_sheet import cards_of
from jobs.errors import FaucetError
from jobs.ledger.invitations import Invitations
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
        found = await credential_at(invitations, path[0])
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
        count, uses, days = (whole_number(self, field, most) for field, most in bounds.items())
        balance, note = self.get_body_argument("balance", ""), self.get_body_argument("note", "")
        invitation = new_invitation(
            uses=uses or 1, days=days, balance=balance, note=note, now=ledger.now(), settings=self.context.settings,
            precision=self.context.snapshot.chain_status.precision,
        )  # fmt: skip
        codes = [new_code(secrets.choice) for _ in range(count or 1)]
        await ledger.invitations.make(codes, invitation, by=operator)
        return codes


class RevokeInvitation(RevokeCredential):
    """Let nobody else use one."""

    route = "admin_revoke_invitation"
    pages = INVITATIONS

    @property
    def credentials(self) -> Invitations:
        """The invitations."""
        return self.context.ledger.invitations
