"""API keys: who has one and how much it lets in; created here, too, and revoked."""

import secrets

from handlers.admin.base import PATH, AdminForm, AdminPage
from handlers.admin.credentials import RevokeCredential, credential_at, whole_number
from jobs.errors import FaucetError
from jobs.ledger.api_keys import ApiKeys
from jobs.model.api_key import MAX_NAME, MAX_RATE, NewApiKey, new_key
from jobs.ways.api_keys import new_api_key

API_KEYS = f"{PATH}/api-keys"


class ApiKeysPage(AdminPage):
    """The newest ones."""

    route = "admin_api_keys"

    async def show_page(self, _operator: str, *_path: str) -> None:
        """The page."""
        found = await self.context.ledger.api_keys.newest(self.number("before") or 2**62)
        self.show("admin/api_keys.html", api_keys=found, default=NewApiKey(""), max_name=MAX_NAME)


class ApiKeyPage(AdminPage):
    """One, and who signed up with it."""

    route = "admin_api_key"

    async def show_page(self, _operator: str, *path: str) -> None:
        """The page. Raises FaucetError not_found."""
        api_keys = self.context.ledger.api_keys
        found = await credential_at(api_keys, path[0])
        self.show("admin/api_key.html", api_key=found, jobs=await api_keys.jobs(found.number))


class CreateApiKey(AdminForm):
    """Create one, and show it, this once."""

    route = "admin_create_api_key"

    async def act(self, operator: str, *_path: str) -> None:
        """Create it, or tell why not."""
        key = new_key(secrets.choice)
        try:
            number = await self.context.ledger.api_keys.create(key, self._new_api_key(), by=operator)
        except FaucetError as error:
            self.tell("bad", error.sentence)
            self.redirect(API_KEYS, status=303)
            return
        # As with the codes of invitations: nothing that could be asked for again.
        self.set_header("Cache-Control", "no-store")
        self.show("admin/new_api_key.html", key=key, number=number)

    def _new_api_key(self) -> NewApiKey:
        per_minute, per_day = (whole_number(self, field, MAX_RATE) for field in ("per_minute", "per_day"))
        name, origins = self.get_body_argument("name", ""), self.get_body_argument("origins", "").split()
        return new_api_key(name=name, per_minute=per_minute, per_day=per_day, origins=origins)


class RevokeApiKey(RevokeCredential):
    """Let nobody else use one."""

    route = "admin_revoke_api_key"
    pages = API_KEYS

    @property
    def credentials(self) -> ApiKeys:
        """The API keys."""
        return self.context.ledger.api_keys
