"""What one drain knows of the chain, and what that lets it do. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chain.keys import format_public_key
from chain.node import Account, Head, Parameters
from chain.transactions import RefBlock, account_create, assert_account_name, operation_size
from jobs.budget import BUDGET_SPENT, Ceilings
from jobs.drain.batch import Assertion
from jobs.nodes.profile import ChainProfile
from jobs.settings import Settings
from jobs.template import AccountTemplate

NOBROADCAST = "The configuration says nobroadcast: nothing is sent to the chain."


@dataclass(frozen=True, slots=True)
class DrainContext:
    """The chain as one drain sees it."""

    profile: ChainProfile
    settings: Settings
    head: Head
    parameters: Parameters
    accounts: dict[str, Account]  #: those of the names asked for that the chain has
    ids: Mapping[str, str]  #: the pinned account ids of those that the settings name
    balance: int  #: the registrar's, satoshi
    ref_block: RefBlock  #: an irreversible block
    ceilings: Ceilings
    budget: int  #: satoshi that may leave the registrar today
    left: int  #: … and were not signed away yet
    owed: int  #: … and will be taken by the initial balances of accounts on their way
    stranger: bool  #: the node is not the operator's own
    reserved_ending: str | None = None  #: that names may not have here

    @property
    def registrar(self) -> Account:
        """The account that pays and signs."""
        return self.accounts[self.settings.registrar]

    @property
    def registrar_id(self) -> str:
        """Its pinned id."""
        return self.ids[self.settings.registrar]

    @property
    def template(self) -> AccountTemplate:
        """What every account_create shares."""
        return AccountTemplate(self.settings, self.ids)

    @property
    def expiration(self) -> int:
        """When what is signed now expires, by the chain's clock, seconds."""
        return self.head.time + self.settings.transaction_expiration

    @property
    def affordable(self) -> int:
        """Satoshi that may be spent now, by the balance and by the day's budget."""
        return min(self.balance, self.left)

    @property
    def asserts(self) -> bool:
        """Whether transactions must assert whom they name by id, and the chain allows that."""
        return self.stranger and takes_assertions(self.parameters)

    @property
    def payment_cost(self) -> int:
        """Satoshi that the initial balance of one account takes, with its fees; 0 if none is paid."""
        return payment_cost(self.settings, self.profile, self.parameters, asserts=self.asserts)

    def assertion(self, account_id: str, name: str) -> Assertion:
        """That `account_id` bears `name`, with what it costs now."""
        operation = assert_account_name(payer=self.registrar_id, account_id=account_id, name=name)
        return Assertion(
            account_id, name, operation_size(operation, self.profile.prefix), assertion_fee(self.parameters)
        )

    def named_by_id(self, referrer: str) -> dict[str, str]:
        """The accounts that a registration with `referrer` names by id, beside the registrar: id by name."""
        settings = self.settings
        names = {referrer, *settings.additional_owner_accounts, *settings.additional_active_accounts}
        names |= {settings.proxy} if settings.proxy is not None else set()
        return {name: self.account_id(name) for name in sorted(names - {settings.registrar})}

    def account_id(self, name: str) -> str:
        """The id of an account, the pinned one where there is one."""
        return self.ids[name] if name in self.ids else self.accounts[name].id

    def referrer(self, asked: str | None) -> str:
        """The account to name as referrer: the one asked for, else the default one, else the registrar.

        The chain refuses a referrer that is no member (account_evaluator.cpp), so such a one gives way. So does one
        whose id only a stranger says, where nothing can be asserted.
        """
        for name in (asked, self.settings.default_referrer):
            account = self.accounts.get(name) if name is not None else None
            known = name in self.ids or not self.stranger or self.asserts
            if account is not None and known and self.is_member(account):
                return account.name
        return self.settings.registrar

    def is_member(self, account: Account) -> bool:
        """Whether `account` is a lifetime or annual member at the chain's head."""
        return account.lifetime_member or account.member_until > self.head.time

    def obstacle(self) -> str | None:
        """Why nothing at all can be signed now, for people; None if nothing is in the way."""
        if self.settings.nobroadcast:
            return NOBROADCAST
        if not self.registrar.lifetime_member:
            return f"The registrar {self.settings.registrar} is not a lifetime member."
        if self.profile.public_key not in self.registrar.signing_keys:
            return f"The key does not match the active authority of the registrar {self.settings.registrar}."
        return None

    def money_obstacle(self, cost: int | None = None) -> str | None:
        """Why no account can be paid for now, if one costs `cost`, satoshi; by default what the cheapest does."""
        fee = price(self.parameters, self.profile.prefix, self.settings) if cost is None else cost
        if fee > self.ceilings.registration:
            ceiling = self.profile.readable(self.ceilings.registration)
            return f"An account costs {self.profile.readable(fee)} now, more than max_account_fee allows ({ceiling})."
        if self.balance < fee:
            balance = self.profile.readable(self.balance)
            return f"The registrar's balance of {balance} does not pay for an account."
        if self.left < fee:
            return self.budget_spent
        return None

    def assertion_obstacle(self) -> str | None:
        """That an assertion costs more than it may, for people; None where none is needed."""
        fee, ceiling = assertion_fee(self.parameters), self.ceilings.assertion
        if not self.asserts or fee <= ceiling:
            return None
        readable = self.profile.readable
        return f"An assertion costs {readable(fee)} now, more than max_account_fee allows ({readable(ceiling)})."

    @property
    def budget_spent(self) -> str:
        """That the day's budget is spent, and when it goes on."""
        return BUDGET_SPENT.format(budget=self.profile.readable(self.budget))


def takes_assertions(parameters: Parameters) -> bool:
    """Whether the chain takes assertions that an account id bears a name (predicate 0)."""
    return parameters.assertion is not None and parameters.max_predicate_opcode != 0


def assertion_fee(parameters: Parameters) -> int:
    """Satoshi for one assertion; 0 where the chain has none."""
    return 0 if parameters.assertion is None else parameters.assertion.required()


def payment_cost(settings: Settings, profile: ChainProfile, parameters: Parameters, *, asserts: bool) -> int:
    """Satoshi that the initial balance of one account takes, with its fees; 0 if none is paid."""
    if settings.payment is None:
        return 0
    fees = parameters.transfer.required() + (assertion_fee(parameters) if asserts else 0)
    return profile.satoshi(settings.payment) + fees


def price(parameters: Parameters, prefix: str, settings: Settings, name: str = "b") -> int:
    """What an account costs now, satoshi; by default one with a cheap name, the shortest, which costs the least.

    It has the authorities that `settings` add: a chain may ask a fee by size.
    """
    key = format_public_key(_ANY_POINT, prefix)
    operation = account_create(
        registrar="1.2.0",
        referrer="1.2.0",
        referrer_percent=0,
        name=name,
        owner_key=key,
        active_key=key,
        memo_key=key,
        extra_owner_keys=settings.additional_owner_keys,
        extra_active_keys=settings.additional_active_keys,
        extra_owner_accounts=_any_accounts(settings.additional_owner_accounts),
        extra_active_accounts=_any_accounts(settings.additional_active_accounts),
    )
    # The chain counts the operation without the byte that says which one it is.
    return parameters.account_create.required(name, operation_size(operation, prefix) - 1)


def _any_accounts(names: Sequence[str]) -> list[str]:
    """As many account ids as there are `names`."""
    return [f"1.2.{number}" for number, _ in enumerate(names)]


PREMIUM = "a"  #: the shortest premium name


#: The curve's generator: some key must stand where a key stands.
_ANY_POINT = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
