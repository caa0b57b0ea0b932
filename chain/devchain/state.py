"""Accounts, balances and counters of the dev chain, with undo."""

from bisect import bisect_left
from typing import Any

from chain.devchain.settings import DevChainSettings, published_key
from chain.keys import format_public_key
from chain.transactions import PROXY_TO_SELF

FOREVER = "2106-02-07T06:28:15"  #: a lifetime member's expiration: the end of the chain's time
NEVER = "1970-01-01T00:00:00"
FIRST_ACCOUNT = 7  #: the ids below belong to the chain's own accounts

#: The chain's own accounts, in the order of their ids (db_init.cpp).
SPECIAL = (
    "committee-account", "witness-account", "relaxed-committee-account", "null-account", "temp-account",
    "proxy-to-self", "default-dividend-distribution",
)  # fmt: skip

_Change = tuple[dict[Any, Any], Any, Any]
_ABSENT = object()


class State:
    """What the transactions so far have made. Every write goes through `put`, so that it can be undone."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}  # by id
        self.ids: dict[str, str] = {}  # by name
        self.balances: dict[str, int] = {}  # satoshi of the core asset, by account id
        self.known: dict[str, int] = {}  # expiration of each transaction that may not come again, by id
        self.numbers: dict[str, int] = {}  # next account, registrations this interval, basic fee, …
        self._changes: list[_Change] = []
        self._sorted: list[str] = []

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Set `table[key]`, and remember what was there."""
        self._changes.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def forget(self, table: dict[Any, Any], key: Any) -> None:
        """Remove `table[key]`, and remember it."""
        self._changes.append((table, key, table.pop(key)))

    def mark(self) -> int:
        """A point to which `undo` can return."""
        return len(self._changes)

    def undo(self, mark: int) -> None:
        """Take back every change since `mark`, the last first."""
        while len(self._changes) > mark:
            table, key, value = self._changes.pop()
            if value is _ABSENT:
                table.pop(key, None)
            else:
                table[key] = value

    def by_name(self, name: str) -> dict[str, Any] | None:
        """The account `name`."""
        account_id = self.ids.get(name)
        return None if account_id is None else self.accounts[account_id]

    def names_from(self, lower: str, limit: int) -> list[list[str]]:
        """[name, id] of up to `limit` accounts in order, from `lower` on."""
        if len(self._sorted) != len(self.ids) or self._sorted[-1:] != [max(self.ids)]:
            self._sorted = sorted(self.ids)
        start = bisect_left(self._sorted, lower)
        return [[name, self.ids[name]] for name in self._sorted[start : start + limit] if name in self.ids]

    def add_account(self, account: dict[str, Any]) -> str:
        """Give `account` the next id and keep it; the id."""
        number = self.numbers["next_account"]
        self.put(self.numbers, "next_account", number + 1)
        account_id = f"1.2.{number}"
        statistics = f"2.6.{number}"
        self.put(self.accounts, account_id, {**account, "id": account_id, "statistics": statistics})
        self.put(self.ids, account["name"], account_id)
        return account_id

    def pay(self, account_id: str, amount: int) -> None:
        """Add `amount` satoshi, which may be negative, to the account's balance."""
        self.put(self.balances, account_id, self.balances.get(account_id, 0) + amount)


def new_account(
    name: str, keys: tuple[dict[str, Any], dict[str, Any], str], *, registrar: str, referrer: str, until: str = NEVER
) -> dict[str, Any]:
    """An account as the API shows it, but for its id; `keys` are owner and active authority and memo key."""
    owner, active, memo_key = keys
    return {
        "id": "",
        "membership_expiration_date": until,
        "registrar": registrar,
        "referrer": referrer,
        "lifetime_referrer": referrer,
        "network_fee_percentage": 2000,
        "lifetime_referrer_fee_percentage": 3000,
        "referrer_rewards_percentage": 0,
        "name": name,
        "owner": owner,
        "active": active,
        "options": {
            "memo_key": memo_key,
            "voting_account": PROXY_TO_SELF,
            "num_witness": 0,
            "num_committee": 0,
            "votes": [],
            "extensions": [],
        },
        "statistics": "",
        "whitelisting_accounts": [],
        "blacklisting_accounts": [],
        "whitelisted_accounts": [],
        "blacklisted_accounts": [],
        "owner_special_authority": [0, {}],
        "active_special_authority": [0, {}],
        "top_n_control_flags": 0,
    }


def authority(*keys: str) -> dict[str, Any]:
    """An authority that each of `keys` alone satisfies; without any, nobody does."""
    auths = [[key, 1] for key in keys]
    return {"weight_threshold": 1, "account_auths": [], "key_auths": auths, "address_auths": []}


def genesis(settings: DevChainSettings) -> State:
    """The state before the first block: the chain's own accounts, a registrar, a referrer, a plain account."""
    state = State()
    state.numbers.update(next_account=0, registered=0, basic_fee=settings.parameters.basic_fee)
    nobody = format_public_key(published_key("nobody").public, settings.prefix)
    for name in SPECIAL:
        account = new_account(
            name, (authority(), authority(), nobody), registrar="1.2.0", referrer="1.2.0", until=FOREVER
        )
        state.add_account(account)
    registrar = f"1.2.{FIRST_ACCOUNT}"
    people = [
        (settings.registrar, settings.registrar_key, FOREVER, settings.registrar_balance),
        ("referrer", published_key("referrer"), FOREVER, settings.registrar_balance // 1000),
        ("plain-account1", published_key("plain-account1"), NEVER, 0),
    ]
    for name, key, until, balance in people:
        text = format_public_key(key.public, settings.prefix)
        account = new_account(
            name, (authority(text), authority(text), text), registrar=registrar, referrer=registrar, until=until
        )
        state.pay(state.add_account(account), balance)
    return state
