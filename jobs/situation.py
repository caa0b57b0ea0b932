"""What one drain knows of the chain, and what that lets it do. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from chain.keys import PrivateKey, format_public_key
from chain.node import Account, Head, Parameters
from chain.transactions import Reference, account_create, operation_size
from jobs.config import Settings
from jobs.terms import Terms


@dataclass(frozen=True, slots=True)
class Identity:
    """What the chain is, and who signs on it. All but the key comes from the node."""

    chain_id: str
    prefix: str  #: of public keys
    symbol: str  #: of the core asset
    precision: int  #: decimals of the core asset
    key: PrivateKey  #: the registrar's, in memory only

    @property
    def public_key(self) -> str:
        """The registrar's public key as this chain writes it."""
        return format_public_key(self.key.public, self.prefix)

    def satoshi(self, amount: Decimal) -> int:
        """`amount` of the core asset as the chain counts it; what it can't express is cut off."""
        return int(amount.scaleb(self.precision))

    def readable(self, satoshi: int) -> str:
        """`satoshi` in the core asset with its symbol."""
        return f"{Decimal(satoshi).scaleb(-self.precision).normalize():f} {self.symbol}"


@dataclass(frozen=True, slots=True)
class Situation:
    """The chain as one drain sees it."""

    identity: Identity
    settings: Settings
    head: Head
    parameters: Parameters
    accounts: dict[str, Account]  #: those of the names asked for that the chain has
    balance: int  #: the registrar's, satoshi
    reference: Reference  #: an irreversible block

    @property
    def registrar(self) -> Account:
        """The account that pays and signs."""
        return self.accounts[self.settings.registrar]

    @property
    def terms(self) -> Terms:
        """What every account_create shares."""
        return Terms(self.settings, {name: account.id for name, account in self.accounts.items()})

    @property
    def expiration(self) -> int:
        """When what is signed now expires, by the chain's clock, seconds."""
        return self.head.time + self.settings.transaction_expiration

    def fee_is_too_high(self, fee: int) -> bool:
        """Whether `fee`, satoshi, is more than `max_account_fee` allows."""
        ceiling = self.settings.max_account_fee
        return ceiling is not None and fee > self.identity.satoshi(ceiling)

    def referrer_id(self, asked: str | None) -> str:
        """The account id to name as referrer: the one asked for, else the default one, else the registrar.

        The chain refuses a referrer that is no member (account_evaluator.cpp), so such a one gives way.
        """
        for name in (asked, self.settings.default_referrer):
            account = self.accounts.get(name) if name is not None else None
            if account is not None and self.is_member(account):
                return account.id
        return self.registrar.id

    def is_member(self, account: Account) -> bool:
        """Whether `account` is a lifetime or annual member at the chain's head."""
        return account.lifetime_member or account.member_until > self.head.time

    def obstacle(self) -> str | None:
        """Why no account at all can be registered now, for people; None if nothing is in the way."""
        if self.settings.nobroadcast:
            return "The configuration says nobroadcast: nothing is sent to the chain."
        if not self.registrar.lifetime_member:
            return f"The registrar {self.settings.registrar} is not a lifetime member."
        if self.identity.public_key not in self.registrar.signing_keys:
            return f"The key does not match the active authority of the registrar {self.settings.registrar}."
        return self._money_obstacle()

    def _money_obstacle(self) -> str | None:
        fee = price(self.parameters, self.identity.prefix)
        if self.fee_is_too_high(fee):
            return f"An account costs {self.identity.readable(fee)} now, more than max_account_fee allows."
        if self.balance < fee:
            balance = self.identity.readable(self.balance)
            return f"The registrar's balance of {balance} does not pay for an account."
        return None


def price(parameters: Parameters, prefix: str) -> int:
    """What an account with a cheap name costs now, satoshi: the shortest, which costs the least."""
    key = format_public_key(_ANY_POINT, prefix)
    operation = account_create(
        registrar="1.2.0",
        referrer="1.2.0",
        referrer_percent=0,
        name="b",
        owner_key=key,
        active_key=key,
        memo_key=key,
    )
    # The chain counts the operation without the byte that says which one it is.
    return parameters.account_create.required("b", operation_size(operation, prefix) - 1)


#: The curve's generator: some key must stand where a key stands.
_ANY_POINT = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
