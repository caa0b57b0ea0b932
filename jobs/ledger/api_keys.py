"""API keys: created, listed and revoked by operators; and looked up in the transaction that accepts a signup.

Rate and cap of each are quotas, as those of networks are.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from chain.text import cut
from jobs.errors import Code, FaucetError
from jobs.ledger.credentials import PAGE, Credentials
from jobs.ledger.operators import MAX_REASON, RECORD
from jobs.ledger.sql import IN_TEXTS, Query, to_json
from jobs.ledger.store import Tx
from jobs.model.api_key import MAX_NAME, ApiKey, NewApiKey, UsableApiKey, hash_of_key, hint_of_key
from jobs.model.job import Limits, Quota

_COLUMNS = """
    number, hint, name, per_minute, per_day, origins, revoked_at, created_at, created_by,
    (SELECT created_at FROM jobs WHERE api_key = api_keys.number ORDER BY number DESC LIMIT 1) AS used_at
"""
NEWEST = Query(f"SELECT {_COLUMNS} FROM api_keys WHERE number < ? ORDER BY number DESC LIMIT {PAGE}", ApiKey)
ONE = Query(f"SELECT {_COLUMNS} FROM api_keys WHERE number = ?", ApiKey)
JOBS = f"SELECT id, name, state FROM jobs WHERE api_key = ? ORDER BY number DESC LIMIT {PAGE}"
CREATE = """
    INSERT INTO api_keys (hash, hint, name, per_minute, per_day, origins, created_at, created_by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING number
"""
REVOKE = "UPDATE api_keys SET revoked_at = ? WHERE number = ?"
IN_FORCE = "SELECT EXISTS (SELECT 1 FROM api_keys WHERE revoked_at IS NULL) AS found"
USABLE = Query(
    f"SELECT number, hash, per_minute, per_day, origins, revoked_at FROM api_keys WHERE hash {IN_TEXTS}",
    UsableApiKey,
    bulk=True,
)


class ApiKeys(Credentials[ApiKey]):
    """Creating them, and seeing who came."""

    kind = "API key"
    newest_query, one_query, jobs_query, revoke_statement = NEWEST, ONE, JOBS, REVOKE

    async def create(self, key: str, created: NewApiKey, *, by: str) -> int:
        """Create an API key; its number. Raises FaucetError `ledger_unavailable`."""

        def step(tx: Tx) -> int:
            name, origins = cut(created.name, MAX_NAME), to_json(created.origins)
            row = (hash_of_key(key), hint_of_key(key), name, created.per_minute, created.per_day, origins, tx.now)
            number = int(tx.execute(CREATE, (*row, cut(by)))[0]["number"])
            tx.execute(RECORD, (tx.now, cut(by), "create API key", str(number), cut(name, MAX_REASON)))
            return number

        return await self._store.run(step)

    async def in_force(self) -> bool:
        """Whether there is one that was not revoked. Raises FaucetError `ledger_unavailable`."""
        return bool((await self._store.read(IN_FORCE))[0]["found"])


@dataclass(slots=True)
class GroupApiKeys:
    """The API keys of the signups in one commit."""

    _usable: dict[str, UsableApiKey] = field(default_factory=dict)  # by hash

    def know(self, found: Iterable[UsableApiKey]) -> None:
        """Take what the ledger has of these."""
        self._usable.update((each.hash, each) for each in found)

    def find(self, limits: Limits) -> UsableApiKey | None:
        """The key that a signup came with, in force or not; None without one, or if nobody created it."""
        return None if limits.api_key is None else self._usable.get(limits.api_key)

    def quotas_of(self, limits: Limits) -> tuple[Quota, ...]:
        """What a signup is counted by: its key, or else where it comes from."""
        key = self.find(limits)
        return limits.spent if key is None else key.quotas

    def check(self, limits: Limits) -> UsableApiKey | None:
        """The key of a signup; None if it came without.

        Raises FaucetError invalid_api_key for one that nobody created, or that was revoked, and denied where it is not
        for pages of this origin.
        """
        if limits.api_key is None:
            return None
        key = self.find(limits)
        if key is None or key.revoked_at is not None:
            raise FaucetError(Code.INVALID_API_KEY, "There is no such API key, or it was revoked.")
        if key.origins and limits.origin not in key.origins:
            raise FaucetError(Code.DENIED, "This API key is not for pages of this origin.")
        return key


def key_hashes(limits: Iterable[Limits]) -> list[str]:
    """The hashes of the API keys that signups came with."""
    return [each.api_key for each in limits if each.api_key is not None]
