"""Lies about accounts: their ids, authorities and memberships. `names` is a pattern, such as alice or wallet-*."""

import copy
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from tests.harness.lying.lie import Ask, Lie, ObjectLie, Request, database, objects_with

BY_NAME = frozenset({"lookup_account_names", "get_account_by_name"})
BY_ID = frozenset({"get_objects", "get_accounts"})
ACCOUNT_MEMBER = "membership_expiration_date"
NEVER, FOREVER = "1970-01-01T00:00:00", "2106-02-07T06:28:15"  #: ends of memberships: no member, a lifetime member
SOME_ACCOUNT = "1.2.0"  #: an account of every chain, copied for made-up ones
SOME_KEY = "6MRyAjQq8ud7hVNYcfnVPJqcVpscN5So8BhtHuGYqET5GDW5CV"  #: a public key, but for its prefix


class AccountLie(ObjectLie):
    """Edits every account whose name matches."""

    names: str
    member: ClassVar[str] = ACCOUNT_MEMBER

    def edit(self, found: dict[str, Any], /) -> None:
        if fnmatchcase(found["name"], self.names):
            self.edit_account(found)

    def edit_account(self, account: dict[str, Any], /) -> None:
        """Change the account in place."""
        raise NotImplementedError


@dataclass(frozen=True)
class AccountId(Lie):
    """The accounts of these names have this id; and the account with this id bears the name, if `names` is one."""

    names: str
    account_id: str
    methods: ClassVar[frozenset[str]] = BY_NAME | BY_ID | {"lookup_accounts"}

    def change(self, request: Request, result: Any, /) -> Any:
        if request.method == "lookup_accounts":
            return [[name, self._id_of(name, account_id)] for name, account_id in result]
        for account in objects_with(result, ACCOUNT_MEMBER):
            self._edit(account, by_id=request.method in BY_ID)
        return result

    def _edit(self, account: dict[str, Any], *, by_id: bool) -> None:
        if not by_id:
            account["id"] = self._id_of(account["name"], account["id"])
        elif account["id"] == self.account_id and "*" not in self.names:
            account["name"] = self.names

    def _id_of(self, name: str, account_id: str) -> str:
        return self.account_id if fnmatchcase(name, self.names) else account_id


@dataclass(frozen=True)
class SwappedIds(Lie):
    """Each of two accounts, given by their names, has the other's id."""

    one: str
    other: str
    methods: ClassVar[frozenset[str]] = BY_NAME | BY_ID | {"lookup_accounts"}

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        result = await ask(request)
        one, other = await ask(database("lookup_account_names", [self.one, self.other]))
        if one is None or other is None:
            return result
        ids = {self.one: other["id"], self.other: one["id"]}
        if request.method == "lookup_accounts":
            return [[name, ids.get(name, account_id)] for name, account_id in result]
        member, values = ("name", dict(zip(ids.values(), ids, strict=True))) if request.method in BY_ID else ("id", ids)
        for account in objects_with(result, ACCOUNT_MEMBER):
            key = account["id" if member == "name" else "name"]
            account[member] = values.get(key, account[member])
        return result


@dataclass(frozen=True)
class AccountKeys(AccountLie):
    """Only this key signs for the accounts, in these roles: owner, active, memo."""

    names: str
    key: str
    roles: tuple[str, ...] = ("owner", "active", "memo")

    def edit_account(self, account: dict[str, Any], /) -> None:
        for role in {"owner", "active"} & set(self.roles):
            account[role] = {**account[role], "weight_threshold": 1, "key_auths": [[self.key, 1]]}
        if "memo" in self.roles:
            account["options"]["memo_key"] = self.key


@dataclass(frozen=True)
class Weights(AccountLie):
    """The authorities have this threshold, and each of their keys this weight; None leaves the true one."""

    names: str
    threshold: int | None = None
    weight: int | None = None
    roles: tuple[str, ...] = ("owner", "active")

    def edit_account(self, account: dict[str, Any], /) -> None:
        for role in self.roles:
            authority = account[role]
            if self.threshold is not None:
                authority["weight_threshold"] = self.threshold
            if self.weight is not None:
                authority["key_auths"] = [[key, self.weight] for key, _ in authority["key_auths"]]


@dataclass(frozen=True)
class AddedAuthority(AccountLie):
    """A third party may sign for the accounts too: `kind` is key_auths, account_auths or address_auths."""

    names: str
    holder: str  #: a key, an account's id or an address
    kind: str = "account_auths"
    weight: int = 1
    roles: tuple[str, ...] = ("owner", "active")

    def edit_account(self, account: dict[str, Any], /) -> None:
        for role in self.roles:
            account[role][self.kind] = [*account[role][self.kind], [self.holder, self.weight]]


@dataclass(frozen=True)
class Membership(AccountLie):
    """The accounts' memberships end then: NEVER is no member, FOREVER one for life."""

    names: str
    until: str = NEVER

    def edit_account(self, account: dict[str, Any], /) -> None:
        account["membership_expiration_date"] = self.until


@dataclass(frozen=True)
class TakenNames(Lie):
    """Free names are reported as taken."""

    names: str = "*"
    account_id: str = "1.2.999999"
    methods: ClassVar[frozenset[str]] = BY_NAME

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        result = await ask(request)
        (model,) = await ask(database("get_objects", [SOME_ACCOUNT]))
        if request.method == "get_account_by_name":
            return self._account(request.arguments[0], result, model)
        return [self._account(name, account, model) for name, account in zip(request.arguments[0], result, strict=True)]

    def _account(self, name: str, account: Any, model: Any) -> Any:
        if account is not None or not fnmatchcase(name, self.names):
            return account
        made_up = {**copy.deepcopy(model), "id": self.account_id, "name": name, "membership_expiration_date": NEVER}
        prefix = model["options"]["memo_key"].removesuffix(model["options"]["memo_key"][-50:])
        AccountKeys(name, prefix + SOME_KEY).edit_account(made_up)
        return made_up


@dataclass(frozen=True)
class FreeNames(Lie):
    """Taken names are reported as free."""

    names: str = "*"
    methods: ClassVar[frozenset[str]] = BY_NAME | {"lookup_accounts"}

    def change(self, request: Request, result: Any, /) -> Any:
        if request.method == "get_account_by_name":
            return self._hidden(result)
        if request.method == "lookup_accounts":
            return [entry for entry in result if not fnmatchcase(entry[0], self.names)]
        return [self._hidden(account) for account in result]

    def _hidden(self, account: Any) -> Any:
        return None if account is not None and fnmatchcase(account["name"], self.names) else account
