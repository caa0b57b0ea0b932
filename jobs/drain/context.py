"""What one drain knows of the chain, and what that lets it do. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chain.node import Account, Head, Parameters
from chain.transactions import RefBlock, assert_account_name, operation_size
from jobs.budget import ASSERTION, Allowance, payment_cost
from jobs.conditions import conditions, first_failing
from jobs.conditions.sentences import account_obstacle, too_dear
from jobs.drain.batch import Assertion
from jobs.model.chain import ChainStatus
from jobs.nodes.profile import ChainProfile
from jobs.settings import Settings
from jobs.template import AccountTemplate

#: The conditions without which nothing at all can be signed, in the order in which they are reported.
OBSTACLES = ("broadcast", "membership", "key", "smallest_payment")


@dataclass(frozen=True, slots=True)
class DrainContext:
    """The chain as one drain sees it."""

    profile: ChainProfile
    settings: Settings
    head: Head
    parameters: Parameters
    accounts: Mapping[str, Account]  #: those of the requested names that the chain has
    ids: Mapping[str, str]  #: the pinned account ids of those that the settings name
    ref_block: RefBlock  #: an irreversible block
    status: ChainStatus  #: the same as everybody else sees it
    allowance: Allowance

    @property
    def stranger(self) -> bool:
        """Whether the node is not the operator's own."""
        return bool(self.status.stranger)

    @property
    def balance(self) -> int:
        """The registrar's balance, satoshi."""
        return self.status.balance or 0

    @property
    def left(self) -> int:
        """Satoshi of today's budget that were not signed away yet."""
        return self.allowance.left

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
        return self.stranger and bool(self.status.takes_assertions)

    @property
    def assertion_fee(self) -> int:
        """Satoshi for one assertion; 0 where the chain has none."""
        assertion = self.parameters.assertion
        return 0 if assertion is None else assertion.required()

    @property
    def payment_cost(self) -> int:
        """Satoshi that the initial balance of one account takes, with its fees; 0 if none is paid."""
        return payment_cost(self.status, self.settings)

    def with_accounts(self, accounts: Mapping[str, Account]) -> "DrainContext":
        """The same once `accounts` were read, too."""
        return replace(self, accounts={**self.accounts, **accounts})

    def after(self, spent: int) -> "DrainContext":
        """The same once `spent`, satoshi, has left the registrar."""
        status = replace(self.status, balance=self.balance - spent)
        return replace(self, status=status, allowance=replace(self.allowance, left=self.left - spent))

    def after_registering(self, accounts: int, spent: int) -> "DrainContext":
        """The same once so many `accounts`, which may yet be paid, were registered for `spent`, satoshi."""
        context = self.after(spent)
        owed = context.allowance.owed + accounts * self.payment_cost
        head = replace(self.head, accounts_registered=self.head.accounts_registered + accounts)
        return replace(context, head=head, allowance=replace(context.allowance, owed=owed))

    def assertion(self, account_id: str, name: str) -> Assertion:
        """That `account_id` bears `name`, with what it costs now."""
        operation = assert_account_name(payer=self.registrar_id, account_id=account_id, name=name)
        return Assertion(account_id, name, operation_size(operation, self.profile.prefix), self.assertion_fee)

    def named_by_id(self, referrer: str) -> dict[str, str]:
        """The accounts that a registration with `referrer` names by id, beside the registrar: id by name."""
        settings = self.settings
        names = {referrer, *settings.additional_owner_accounts, *settings.additional_active_accounts}
        names |= {settings.proxy} if settings.proxy is not None else set()
        return {name: self.account_id(name) for name in sorted(names - {settings.registrar})}

    def account_id(self, name: str) -> str:
        """The id of an account, the pinned one where there is one."""
        return self.ids[name] if name in self.ids else self.accounts[name].id

    def referrer(self, requested: str | None) -> str:
        """The account to name as referrer: the requested one, else the default one, else the registrar.

        The chain refuses a referrer that is no member (account_evaluator.cpp), so such a one gives way. So does one
        whose id only a stranger says, where nothing can be asserted.
        """
        for name in (requested, self.settings.default_referrer):
            account = self.accounts.get(name) if name is not None else None
            known = name in self.ids or not self.stranger or self.asserts
            if account is not None and known and self.is_member(account):
                return account.name
        return self.settings.registrar

    def is_member(self, account: Account) -> bool:
        """Whether `account` is a lifetime or annual member at the chain's head."""
        return account.lifetime_member or account.member_until > self.head.time

    def obstacle(self, now: float) -> str | None:
        """Why nothing at all can be signed at `now`, for people; None if nothing is in the way."""
        return first_failing(conditions(self.status, self.settings, now), OBSTACLES)

    def money_obstacle(self, cost: int | None = None) -> str | None:
        """Why no account can be paid for now, if one costs `cost`, satoshi; by default what the cheapest does."""
        return account_obstacle(self.status, self.allowance, (self.status.fee or 0) if cost is None else cost)

    def assertion_obstacle(self) -> str | None:
        """That an assertion costs more than it may, for people; None where none is needed."""
        fee, ceiling = self.assertion_fee, self.allowance.ceilings.assertion
        return too_dear(ASSERTION, fee, ceiling, self.status) if self.asserts and fee > ceiling else None
