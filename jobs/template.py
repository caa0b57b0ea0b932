"""What every account of this faucet shares: registrar, referrer's share, proxy, further authorities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chain.fees import AccountCreateFee
from chain.node import Account, Authority
from chain.packing import Operation
from chain.registrations import Encoded, RegistrationForm, encode
from chain.transactions import PROXY_TO_SELF, account_create, operation_size
from jobs.model.chain import ChainStatus, ReferrerAnswer
from jobs.model.job import Signup
from jobs.settings import Settings


@dataclass(frozen=True, slots=True)
class AccountTemplate:
    """The registrar's side of an account_create."""

    settings: Settings
    ids: Mapping[str, str]  #: account ids by name, of the accounts that the settings name

    def operation(self, signup: Signup, referrer_id: str, fee: int = 0) -> Operation:
        """The account_create for `signup`, with `fee` in satoshi. Raises KeyError for an account without id."""
        settings = self.settings
        return account_create(
            registrar=self.ids[settings.registrar],
            referrer=referrer_id,
            referrer_percent=settings.referrer_percent,
            name=signup.name,
            owner_key=signup.owner_key,
            active_key=signup.active_key,
            memo_key=signup.memo_key,
            fee=fee,
            voting_account=self._voting_account,
            extra_owner_keys=settings.additional_owner_keys,
            extra_active_keys=settings.additional_active_keys,
            extra_owner_accounts=[self.ids[name] for name in settings.additional_owner_accounts],
            extra_active_accounts=[self.ids[name] for name in settings.additional_active_accounts],
        )

    def encoded(self, signups: Sequence[tuple[Signup, str]], prefix: str) -> list[Encoded]:
        """The account_create of each signup, with its referrer's id, as JSON and packed; without a fee.

        Raises KeyError for an account without id.
        """
        settings = self.settings
        if any((settings.additional_owner_keys, settings.additional_active_keys, self._additional_accounts)):
            return [encode(self.operation(signup, referrer_id), prefix) for signup, referrer_id in signups]
        form = RegistrationForm(
            prefix, registrar=self.ids[settings.registrar], referrer_percent=settings.referrer_percent,
            voting_account=self._voting_account,
        )  # fmt: skip
        return form.fill_in([(referrer_id, signup.name, *signup.keys) for signup, referrer_id in signups])

    @property
    def _additional_accounts(self) -> tuple[str, ...]:
        return (*self.settings.additional_owner_accounts, *self.settings.additional_active_accounts)

    @property
    def _voting_account(self) -> str:
        return PROXY_TO_SELF if self.settings.proxy is None else self.ids[self.settings.proxy]


def named_accounts(settings: Settings) -> set[str]:
    """The accounts that `settings` name, whose ids `AccountTemplate` needs."""
    names = {settings.registrar, settings.default_referrer}
    names.update(settings.additional_owner_accounts, settings.additional_active_accounts)
    return names if settings.proxy is None else names | {settings.proxy}


def preview(
    signup: Signup, settings: Settings, chain_status: ChainStatus, ids: Mapping[str, str], answer: ReferrerAnswer | None
) -> Operation:
    """The account_create that `signup` would become now, by the `answer` of the chain's owner.

    Without one, by what is known of the chain without asking it: then the referrer may be one that would give way, the
    fee is that of a name of usual length, and an account whose id in `ids` is not known yet is named instead.
    """
    known: dict[str, Any] = {name: ids.get(name, name) for name in named_accounts(settings)}
    template, referrer = AccountTemplate(settings, known), signup.referrer or settings.default_referrer
    if answer is None or chain_status.prefix is None or not named_accounts(settings) <= ids.keys():
        return template.operation(signup, ids.get(referrer, referrer), chain_status.fee or 0)
    # The chain counts an operation without the byte that says which one it is.
    size = operation_size(template.operation(signup, answer.account_id), chain_status.prefix) - 1
    return template.operation(signup, answer.account_id, AccountCreateFee(*answer.fee).required(signup.name, size))


def has_keys_of(signup: Signup, account: Account, settings: Settings, ids: Mapping[str, str]) -> bool:
    """Whether `account` is the one that was signed up for, made by this faucet or by one that adds nobody to it."""
    plain = (_authority(signup.owner_key, (), (), ids), _authority(signup.active_key, (), (), ids), signup.memo_key)
    found = (_unordered(account.owner), _unordered(account.active), account.memo_key)
    return found == plain or is_ours(signup, account, settings, ids)


def is_ours(signup: Signup, account: Account, settings: Settings, ids: Mapping[str, str]) -> bool:
    """Whether `account` has just the authorities and the memo key that the faucet gives for `signup`, and no other.

    `ids` are the account ids of the accounts that `settings` name. Whoever else may sign for the account, or with
    whatever weight, it is not the one that was signed up for.
    """
    owner = _authority(signup.owner_key, settings.additional_owner_keys, settings.additional_owner_accounts, ids)
    active = _authority(signup.active_key, settings.additional_active_keys, settings.additional_active_accounts, ids)
    found = (_unordered(account.owner), _unordered(account.active), account.memo_key)
    return found == (owner, active, signup.memo_key)


def _authority(
    key: str, keys: Sequence[str], accounts: Sequence[str], ids: Mapping[str, str]
) -> tuple[int, frozenset[tuple[str, int]], frozenset[tuple[str, int]], int]:
    """Threshold, keys, accounts and number of addresses of an authority that each of them satisfies alone."""
    members = frozenset((ids.get(name, name), 1) for name in accounts)
    return 1, frozenset((each, 1) for each in (key, *keys)), members, 0


def _unordered(
    authority: Authority,
) -> tuple[int, frozenset[tuple[str, int]], frozenset[tuple[str, int]], int]:
    """The same of an account's authority; the chain has its own order."""
    return authority.threshold, frozenset(authority.keys), frozenset(authority.accounts), authority.addresses
