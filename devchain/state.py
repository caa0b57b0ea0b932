"""Accounts, balances and counters of the dev chain, with undo."""

from bisect import bisect_left
from typing import TYPE_CHECKING, Any, NamedTuple

from chain.keys import format_public_key
from chain.transactions import PROXY_TO_SELF, account_options
from devchain.settings import PLAIN_ACCOUNT, REFERRER, DevChainSettings, published_key

if TYPE_CHECKING:
    from devchain.transaction import Transaction

FOREVER = "2106-02-07T06:28:15"  #: a lifetime member's expiration: the end of the chain's time
NEVER = "1970-01-01T00:00:00"
NETWORK_PERCENT = 2000  #: shares of a fee, in hundredths of a percent
REFERRER_PERCENT = 3000
LIFETIME_PERCENT = 8000

#: What all new accounts have in common. Nothing changes the lists: accounts are replaced as a whole.
_PLAIN: dict[str, Any] = {
    "id": "",
    "membership_expiration_date": NEVER,
    "network_fee_percentage": NETWORK_PERCENT,
    "lifetime_referrer_fee_percentage": REFERRER_PERCENT,
    "statistics": "",
    "whitelisting_accounts": [],
    "blacklisting_accounts": [],
    "whitelisted_accounts": [],
    "blacklisted_accounts": [],
    "owner_special_authority": [0, {}],
    "active_special_authority": [0, {}],
    "top_n_control_flags": 0,
}

_Change = tuple[dict[Any, Any], Any, Any]
_ABSENT = object()


class Keys(NamedTuple):
    """An account's owner and active authority, and its memo key."""

    owner: dict[str, Any]
    active: dict[str, Any]
    memo: str


class State:
    """The state after the transactions so far. Every write goes through `put` or `remove`, so that it can be undone."""

    def __init__(self) -> None:
        self.accounts: dict[str, dict[str, Any]] = {}  # by id
        self.ids: dict[str, str] = {}  # by name
        self.balances: dict[str, int] = {}  # satoshi of the core asset, by account id; none was ever there: no entry
        self.transactions: dict[str, Transaction] = {}  # those that have not expired, by id
        self.numbers: dict[str, int] = {}  # next account, registrations this interval, basic fee
        self._changes: list[_Change] = []
        self._sorted: list[str] | None = None  # the names in order; None when they must be sorted again

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Set `table[key]`, and remember the former value."""
        self._changes.append((table, key, table.get(key, _ABSENT)))
        table[key] = value
        self._invalidate_order(table)

    def remove(self, table: dict[Any, Any], key: Any) -> None:
        """Remove `table[key]`, and remember it."""
        self._changes.append((table, key, table.pop(key)))
        self._invalidate_order(table)

    def savepoint(self) -> int:
        """A point to which `rollback` can return."""
        return len(self._changes)

    def rollback(self, savepoint: int) -> None:
        """Undo every change since `savepoint`, newest first."""
        while len(self._changes) > savepoint:
            table, key, value = self._changes.pop()
            if value is _ABSENT:
                del table[key]
            else:
                table[key] = value
            self._invalidate_order(table)

    def by_name(self, name: str) -> dict[str, Any] | None:
        """The account `name`, None if there is none."""
        account_id = self.ids.get(name)
        return None if account_id is None else self.accounts[account_id]

    def names_from(self, lower: str, limit: int) -> list[list[str]]:
        """[name, id] of up to `limit` accounts in the order of names, from `lower` on."""
        if self._sorted is None:
            self._sorted = sorted(self.ids)
        start = bisect_left(self._sorted, lower)
        return [[name, self.ids[name]] for name in self._sorted[start : start + limit]]

    def add_account(self, account: dict[str, Any]) -> str:
        """Store `account` under the next id; returns the id."""
        number = self.numbers["next_account"]
        self.put(self.numbers, "next_account", number + 1)
        account_id = f"1.2.{number}"
        self.put(self.accounts, account_id, {**account, "id": account_id, "statistics": f"2.6.{number}"})
        self.put(self.ids, account["name"], account_id)
        return account_id

    def change_account(self, name: str, **changes: Any) -> None:
        """Change members of the account `name`."""
        account_id = self.ids[name]
        self.put(self.accounts, account_id, {**self.accounts[account_id], **changes})

    def pay(self, account_id: str, amount: int) -> None:
        """Add `amount` satoshi, which may be negative, to the account's balance."""
        self.put(self.balances, account_id, self.balances.get(account_id, 0) + amount)

    def _invalidate_order(self, table: dict[Any, Any]) -> None:
        if table is self.ids:
            self._sorted = None


def new_account(
    name: str,
    keys: Keys,
    *,
    registrar: str,
    referrer: str,
    lifetime_referrer: str,
    rewards_percent: int = 0,
    voting_account: str = PROXY_TO_SELF,
) -> dict[str, Any]:
    """An account as the API shows it, but for its ids."""
    return {
        **_PLAIN,
        "registrar": registrar,
        "referrer": referrer,
        "lifetime_referrer": lifetime_referrer,
        "referrer_rewards_percentage": rewards_percent,
        "name": name,
        "owner": keys.owner,
        "active": keys.active,
        "options": account_options(keys.memo, voting_account),
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
    for name in settings.flavour.traits.first_accounts:
        _add_member(state, name, Keys(authority(), authority(), nobody))
    _add_member(state, settings.registrar, _keys(settings.genesis["registrar_key"]), settings.registrar_balance)
    referrer_key = format_public_key(published_key("referrer").public, settings.prefix)
    _add_member(state, REFERRER, _keys(referrer_key), settings.registrar_balance // 1000)
    plain_key = format_public_key(published_key(PLAIN_ACCOUNT).public, settings.prefix)
    registrar = state.ids[settings.registrar]
    plain = new_account(
        PLAIN_ACCOUNT, _keys(plain_key), registrar=registrar, referrer=registrar, lifetime_referrer=registrar
    )
    state.add_account(plain)
    return state


def _add_member(state: State, name: str, keys: Keys, balance: int | None = None) -> None:
    """Add a lifetime member that is its own registrar and referrer."""
    itself = f"1.2.{state.numbers['next_account']}"
    account = new_account(name, keys, registrar=itself, referrer=itself, lifetime_referrer=itself)
    membership = {"membership_expiration_date": FOREVER, "lifetime_referrer_fee_percentage": LIFETIME_PERCENT}
    state.add_account({**account, **membership})
    if balance is not None:
        state.pay(itself, balance)


def _keys(key: str) -> Keys:
    return Keys(authority(key), authority(key), key)
