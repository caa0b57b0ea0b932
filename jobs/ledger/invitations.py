"""Invitations: made, listed and revoked by operators; and used, once an account, in the transaction that accepts it.

How often each was used is counted by triggers on its jobs, so that what fails or is cancelled is given back.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from chain.text import cut
from jobs.errors import Code, FaucetError, throttled
from jobs.ledger.credentials import PAGE, Credentials
from jobs.ledger.operators import MAX_REASON, RECORD
from jobs.ledger.sql import IN_TEXTS, Query, table_of, to_json
from jobs.ledger.store import Tx
from jobs.model.codes import HINT, hash_of_code
from jobs.model.invitation import MAX_NOTE, Invitation, NewInvitation
from jobs.model.job import Limits, Signup

USED_UP_RETRY = 3600  #: seconds: a signup that fails gives its use back

_COLUMNS = (
    "number, hint, note, uses, coalesce(used, 0) AS used, initial_balance, expires_at, revoked_at, made_at, made_by"
)
_FROM = "FROM invitations LEFT JOIN invitation_uses ON invitation_uses.invitation = invitations.number"
NEWEST = Query(f"SELECT {_COLUMNS} {_FROM} WHERE number < ? ORDER BY number DESC LIMIT {PAGE}", Invitation)
ONE = Query(f"SELECT {_COLUMNS} {_FROM} WHERE number = ?", Invitation)
JOBS = f"SELECT id, name, state FROM jobs WHERE invitation = ? ORDER BY number DESC LIMIT {PAGE}"
_MADE = ("hash", "hint", "note", "uses", "initial_balance", "expires_at", "made_at", "made_by")
MAKE = f"INSERT INTO invitations ({', '.join(_MADE)}) SELECT * FROM {table_of(_MADE)} AS made"
REVOKE = "UPDATE invitations SET revoked_at = ? WHERE number = ?"


class Usable(msgspec.Struct, frozen=True):
    """What decides whether an invitation lets one more in."""

    number: int
    hash: str
    uses: int
    used: int
    initial_balance: str | None
    expires_at: int | None
    revoked_at: int | None


USABLE = Query(
    f"""
    SELECT number, hash, uses, coalesce(used, 0) AS used, initial_balance, expires_at, revoked_at
    {_FROM} WHERE hash {IN_TEXTS}
    """,
    Usable,
    bulk=True,
)


class Invitations(Credentials[Invitation]):
    """Making them, and seeing who came."""

    kind = "invitation"
    newest_query, one_query, jobs_query, revoke_statement = NEWEST, ONE, JOBS, REVOKE

    async def make(self, codes: Sequence[str], made: NewInvitation, *, by: str) -> None:
        """Make an invitation of each code. Raises FaucetError `ledger_unavailable`."""

        def step(tx: Tx) -> None:
            rows = [
                (hash_of_code(code), code[:HINT], cut(made.note, MAX_NOTE), made.uses, made.initial_balance,
                 made.expires_at, tx.now, cut(by))
                for code in codes
            ]  # fmt: skip
            tx.execute(MAKE, (to_json(rows),))
            tx.execute(RECORD, (tx.now, cut(by), "invite", "", cut(made.note, MAX_REASON)))

        await self._store.run(step)


@dataclass(slots=True)
class GroupInvitations:
    """The invitations of the signups in one commit: the later see what the earlier used."""

    now: int
    _usable: dict[str, Usable] = field(default_factory=dict)
    _used: dict[int, int] = field(default_factory=dict)  # in this commit, by number

    def know(self, found: Iterable[Usable]) -> None:
        """Take what the ledger has of these."""
        self._usable.update((each.hash, each) for each in found)

    def check(self, signup: Signup, limits: Limits) -> Usable | None:
        """The invitation of a signup; None if it has none, and needs none.

        Raises FaucetError invalid_invitation for one that nobody made, that was revoked or is over, invitation_required
        where one is needed and there is no API key, and throttled for one that is used up. A refcode that is no
        invitation is a refcode.
        """
        found = self._usable.get(code_hash(signup, limits) or "")
        if found is None:
            if limits.invite is not None:
                raise FaucetError(Code.INVALID_INVITATION, "There is no such invitation.", field="invite")
            if limits.needs_invitation and limits.api_key is None:
                raise FaucetError(Code.INVITATION_REQUIRED, "An invitation is needed to sign up.", field="invite")
            return None
        field_name = "refcode" if limits.invite is None else "invite"
        if found.revoked_at is not None or (found.expires_at or self.now + 1) <= self.now:
            raise FaucetError(Code.INVALID_INVITATION, "This invitation is over.", field=field_name)
        if found.used + self._used.get(found.number, 0) >= found.uses:
            raise throttled("invitation", "This invitation is used up.", field_name, USED_UP_RETRY)
        return found

    def use(self, number: int) -> None:
        """Use it once."""
        self._used[number] = self._used.get(number, 0) + 1


def code_hash(signup: Signup, limits: Limits) -> str | None:
    """What the ledger keeps of the code that a signup came with; None if it came without."""
    text = signup.refcode if limits.invite is None else limits.invite
    return None if text is None else hash_of_code(text)


def code_hashes(requests: Iterable[tuple[Signup, Limits]]) -> list[str]:
    """Those of several signups."""
    return [found for signup, limits in requests if (found := code_hash(signup, limits)) is not None]
