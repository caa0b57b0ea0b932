"""What the pages of invitations and those of other credentials share."""

from typing import Any, ClassVar, TypeVar

from handlers.admin.actions import Action
from handlers.admin.base import AdminForm
from jobs.errors import Code, FaucetError
from jobs.ledger.credentials import Credential, Credentials

Item = TypeVar("Item", bound=Credential)


async def credential_at(credentials: Credentials[Item], number: str) -> Item:
    """The one whose number is in the address. Raises FaucetError not_found."""
    found = await credentials.find(int(number))
    if found is None:
        raise FaucetError(Code.NOT_FOUND, f"There is no such {credentials.kind}.")
    return found


def whole_number(form: AdminForm, field: str, most: int) -> int | None:
    """The number in a field, up to `most`; None where it is empty. Raises FaucetError bad_request."""
    text = form.get_body_argument(field, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > len(str(most)) or not 1 <= int(text) <= most:
        raise FaucetError(Code.BAD_REQUEST, f"'{field}' must be a number from 1 to {most}.", field=field)
    return int(text)


class RevokeCredential(Action):
    """Let nobody else use one."""

    pages: ClassVar[str]  #: the address of the page of all of them

    @property
    def credentials(self) -> Credentials[Any]:
        """Those of its kind."""
        raise NotImplementedError

    async def do(self, operator: str, *path: str) -> str:
        """That of the address."""
        reason = self.reason(needed=False)
        revoked = await self.credentials.revoke(int(path[0]), by=operator, reason=reason)
        return f"The {self.credentials.kind} {'is revoked' if revoked else 'was revoked before'}."

    def page(self, *path: str) -> str:
        """Its own."""
        return f"{self.pages}/{path[0]}"
