"""Whether one key alone may act for an account, reckoned as the chain does (sign_state.cpp). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chain.objects import Account, Authority

#: Levels of accounts that act for accounts which a chain follows: its parameter max_authority_depth, 2 everywhere.
MAX_DEPTH = 2


class Role(StrEnum):
    """Where a key was found."""

    ACTIVE = "active"
    OWNER = "owner"  #: the chain takes it wherever the active authority is asked for
    MEMO = "memo"  #: it signs nothing
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Standing:
    """What a key is to an account."""

    role: Role
    weight: int = 0  #: that the key alone reaches in the authority
    threshold: int = 0  #: that it must reach
    through: str | None = None  #: the account that the key acts for and that has this weight; None: the key has it
    within: str | None = None  #: the member whose authority this is; None: it is the account's own

    @property
    def signs(self) -> bool:
        """Whether the key alone signs for the account."""
        return self.role in (Role.ACTIVE, Role.OWNER) and self.within is None and self.weight >= self.threshold


@dataclass(slots=True)
class _Reckoning:
    """How much weight one key has, with the accounts that it was found to act for so far."""

    key: str
    members: Mapping[str, Account]  #: by id
    approved: set[str] = field(default_factory=set)

    def weight(self, authority: Authority, depth: int = 0) -> int:
        """The weight that the key reaches in `authority`, `depth` levels below the account."""
        own = _weight(authority.keys, self.key)
        return own + sum(weight for account_id, weight in authority.accounts if self._approves(account_id, depth))

    def through(self, authority: Authority) -> str | None:
        """Name of the first account in `authority` that the key acts for; None where the key is in it itself."""
        if _weight(authority.keys, self.key):
            return None
        return next((self.members[each].name for each, _ in authority.accounts if each in self.approved), None)

    def _approves(self, account_id: str, depth: int) -> bool:
        member = self.members.get(account_id)
        if account_id not in self.approved and depth < MAX_DEPTH and member is not None:
            weight = self.weight(member.active, depth + 1)
            if weight and weight >= member.active.threshold:
                self.approved.add(account_id)
        return account_id in self.approved


def standing(account: Account, key: str, members: Mapping[str, Account]) -> Standing:
    """What the public `key` is to `account`, of which `members`, by id, are the accounts that may act for it.

    Where it signs by more than one way, or by none, the first that was found: active, owner, a member's, memo.
    """
    reckoning = _Reckoning(key, members)
    found = [
        Standing(role, reckoning.weight(authority), authority.threshold, reckoning.through(authority))
        for role, authority in ((Role.ACTIVE, account.active), (Role.OWNER, account.owner))
    ]
    found += [
        Standing(role, _weight(authority.keys, key), authority.threshold, within=member.name)
        for member in members.values()
        for role, authority in ((Role.ACTIVE, member.active), (Role.OWNER, member.owner))
    ]
    of_weight = [each for each in found if each.weight]
    memo = Role.MEMO if account.memo_key == key else Role.NONE
    return next((each for each in of_weight if each.signs), next(iter(of_weight), Standing(memo)))


def members_of(accounts: Iterable[Account]) -> list[str]:
    """Ids of the accounts in the authorities of `accounts`, each once."""
    authorities = (authority for each in accounts for authority in (each.active, each.owner))
    return list(dict.fromkeys(account_id for each in authorities for account_id, _ in each.accounts))


def _weight(entries: Iterable[tuple[str, int]], name: str) -> int:
    return sum(weight for each, weight in entries if each == name)
