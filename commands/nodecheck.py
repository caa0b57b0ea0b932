"""What one node shows before anything runs: whether it serves, what it claims, and what the registrar can pay."""

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field

from chain.connection import Peer
from chain.errors import UnfitNode
from chain.keys import PrivateKey
from chain.node import Account, Head, Node, Parameters
from jobs.budget import ASSERTION, BUDGET_SPENT, REGISTRATION, TRANSFER, Ceilings, ceilings_of, daily_limit
from jobs.drain.allowance import fees_of
from jobs.drain.context import payment_cost, takes_assertions
from jobs.ledger import Ledger
from jobs.model.chain import Pin
from jobs.nodes.claims import CHAIN, Claims, account_claim, read_claims
from jobs.nodes.fitness import check_number, check_time, compare, fixed_pins, is_own
from jobs.nodes.profile import ChainProfile
from jobs.settings import Settings
from jobs.template import named_accounts

DATABASE = "database"
APIS = (DATABASE, "network_broadcast")  #: what serving calls

OWN = "the operator's own (own_nodes): its word is enough"
STRANGER = "a stranger (own_nodes): what its word is not enough for is read from another configured node too"
LONE = "a stranger (own_nodes), and no other node is configured: expired payments are held until an operator decides"
AT_FIRST_CONTACT = "what the chain is, is believed on its word alone: name another node to confirm it"
NO_ASSERTIONS = (
    "this chain takes no assertions (predicate 0): an initial balance through a stranger waits until another "
    "configured node confirms the account's id"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    ok: bool
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Books:
    """What a ledger holds of the chain, and of today's spending."""

    pins: Mapping[str, Pin] = field(default_factory=dict)
    lowest_fees: Mapping[str, int] = field(default_factory=dict)
    opening_balance: int | None = None  #: the registrar's at midnight UTC, satoshi
    spent: int = 0  #: satoshi since then
    final: int | None = None  #: number of the last block that was final; None before the first

    @classmethod
    async def read(cls, ledger: Ledger) -> "Books":
        """What `ledger` holds. Raises FaucetError `ledger_unavailable`."""
        oldest = await ledger.blocks.oldest()
        return cls(
            pins=await ledger.pins.all(),
            lowest_fees=await ledger.pins.lowest_fees(),
            opening_balance=await ledger.spending.opening_balance(),
            spent=await ledger.spending.spent_today(),
            final=None if oldest is None else oldest[0],
        )


class NodeCheck:
    """The checks of one node."""

    def __init__(
        self, node: Node, peer: Peer | None, settings: Settings, key: PrivateKey, books: Books, *,
        others: bool, now: float,
    ) -> None:  # fmt: skip
        """`others` says whether more nodes are configured; `now` is in seconds since 1970."""
        self._node = node
        self._settings = settings
        self._key = key
        self._books = books
        self._others = others
        self._now = now
        self._own = is_own(settings, peer)
        self._alone = not (self._own or others)  # its word is all there is
        self.claims: Claims = {}  #: what the node says of the chain, once it was asked

    async def run(self) -> AsyncIterator[Finding]:
        """Each check as it is done. Raises LinkError or Refused where the node does not answer."""
        refused = {api: why for api in APIS if (why := await self._node.serves(api)) is not None}
        yield _apis(refused)
        if DATABASE in refused:
            return
        head = await self._node.head()
        yield self._check_head(head)
        yield Finding(ok=True, name="trust", text=self._trust())
        self.claims = await read_claims(self._node, sorted(named_accounts(self._settings)))
        for finding in self._check_claims(head):
            yield finding
        (registrar,) = await self._node.accounts([self._settings.registrar])
        if registrar is None:
            yield Finding(ok=False, name="registrar", text=f"the chain has no account {self._settings.registrar}")
            return
        for finding in self._check_registrar(registrar):
            yield finding
        parameters, balance = await self._node.parameters(), await self._node.balance(registrar.id)
        for finding in self._check_money(parameters, balance):
            yield finding

    @property
    def _profile(self) -> ChainProfile:
        claims = self.claims
        precision = int(claims["precision"])
        return ChainProfile(claims["chain_id"], claims["prefix"], claims["symbol"], precision, self._key)

    def _check_head(self, head: Head) -> Finding:
        try:
            check_time(head, own=self._own, now=self._now, max_age=self._settings.max_head_age)
        except UnfitNode as error:
            return Finding(ok=False, name="node", text=str(error))
        age = max(0, round(self._now - head.time))
        return Finding(ok=True, name="node", text=f"block {head.number}, {age} seconds old")

    def _trust(self) -> str:
        if not self._alone:
            return OWN if self._own else STRANGER
        pins = self._books.pins
        return LONE if all(name in pins and pins[name].agreed for name in CHAIN) else f"{LONE}; {AT_FIRST_CONTACT}"

    def _check_claims(self, head: Head) -> Iterator[Finding]:
        """Whether the chain is the one that is configured, and the one of the ledger."""
        profile, configured = self._profile, self._settings.core_asset
        text = f"{profile.chain_id}, prefix {profile.prefix}, core asset {profile.symbol}"
        fits = configured in (None, profile.symbol)
        yield Finding(fits, "chain", text if fits else f"{text}; the configuration says {configured}")
        if self._books.pins:
            yield self._compare_with_books(head)
        missing = sorted(name for name in named_accounts(self._settings) if account_claim(name) not in self.claims)
        text = f"The chain has no account {', '.join(missing)}, which the configuration names."
        yield Finding(not missing, "accounts", text if missing else "all that the configuration names are there")

    def _compare_with_books(self, head: Head) -> Finding:
        try:
            compare(self._books.pins if self._alone else fixed_pins(self._books.pins), self.claims)
            if self._books.final is not None:
                check_number(head, self._books.final)
        except UnfitNode as error:
            return Finding(ok=False, name="ledger", text=str(error))
        return Finding(ok=True, name="ledger", text="says of the chain what the ledger has")

    def _check_registrar(self, registrar: Account) -> Iterator[Finding]:
        yield Finding(ok=True, name="registrar", text=f"{registrar.name} is {registrar.id}")
        member = registrar.lifetime_member
        yield Finding(member, "membership", "for life" if member else f"{registrar.name} is not a lifetime member")
        public = self._profile.public_key
        signs = public in registrar.signing_keys
        yield Finding(signs, "key", f"{public} {'signs' if signs else 'does not sign'} for {registrar.name}")

    def _check_money(self, parameters: Parameters, balance: int) -> Iterator[Finding]:
        """Whether what a signup takes may be paid, and can be."""
        profile, settings = self._profile, self._settings
        readable = profile.readable
        fees = fees_of(parameters, profile.prefix, settings)
        yield self._check_fees(fees)
        asserts = not self._own and takes_assertions(parameters)
        if not self._own and not asserts:
            # It concerns only who pays initial balances, and then only until a second node is configured.
            yield Finding(settings.payment is None or self._others, "assertions", NO_ASSERTIONS)
        cost = fees[REGISTRATION] + payment_cost(settings, profile, parameters, asserts=asserts)
        signups = balance // max(1, cost)
        yield Finding(signups > 0, "balance", f"{readable(balance)} pays for {signups} signups at {readable(cost)}")
        if settings.payment is not None:
            yield _initial_balance(profile, profile.satoshi(settings.payment), balance)
        yield self._check_budget(balance, cost)

    def _check_fees(self, fees: Mapping[str, int]) -> Finding:
        """Whether all that is to be sent may cost what it does now."""
        readable = self._profile.readable
        sent = [
            (what, fees[operation], ceiling)
            for what, operation, ceiling in self._sent(self._ceilings(fees))
            if operation in fees
        ]
        dear = [
            f"{what} costs {readable(fee)} now, more than max_account_fee allows ({readable(ceiling)})"
            for what, fee, ceiling in sent
            if fee > ceiling
        ]
        well = [f"{what} costs {readable(fee)} of at most {readable(ceiling)}" for what, fee, ceiling in sent]
        return Finding(not dear, "fee", "; ".join(dear or well))

    def _ceilings(self, fees: Mapping[str, int]) -> Ceilings:
        """As the drain has them: an own node's fees may lower what the ledger has, a stranger's may not."""
        known = self._books.lowest_fees
        lowest = {
            name: min(fee, known.get(name, fee)) if self._own else known.get(name, fee) for name, fee in fees.items()
        }
        return ceilings_of(self._settings, lowest, self._profile.precision)

    def _sent(self, ceilings: Ceilings) -> Iterator[tuple[str, str, int]]:
        yield "an account", REGISTRATION, ceilings.registration
        if self._settings.payment is not None:
            yield "a transfer", TRANSFER, ceilings.transfer
            if not self._own:
                yield "an assertion", ASSERTION, ceilings.assertion

    def _check_budget(self, balance: int, cost: int) -> Finding:
        """Whether a signup that takes `cost` is within what is left of today's budget."""
        profile, books = self._profile, self._books
        budget = daily_limit(
            self._settings.daily_budget,
            balance=balance if books.opening_balance is None else books.opening_balance,
            signup_cost=cost,
            precision=profile.precision,
        )
        left = max(0, budget - books.spent)
        if budget < cost:
            text = f"daily_budget is {profile.readable(budget)}, and one signup takes {profile.readable(cost)}"
            return Finding(ok=False, name="budget", text=text)
        if left < cost:
            return Finding(ok=False, name="budget", text=BUDGET_SPENT.format(budget=profile.readable(budget)))
        amounts = f"{profile.readable(left)} of {profile.readable(budget)}"
        return Finding(ok=True, name="budget", text=f"{amounts} are left today, for {left // max(1, cost)} signups")


def _apis(refused: Mapping[str, str]) -> Finding:
    if not refused:
        return Finding(ok=True, name="api", text=f"offers {' and '.join(APIS)}")
    return Finding(ok=False, name="api", text="; ".join(f"does not offer {api}: {why}" for api, why in refused.items()))


def _initial_balance(profile: ChainProfile, amount: int, balance: int) -> Finding:
    if amount > balance:
        text = f"{profile.readable(amount)} for each account, more than the registrar has ({profile.readable(balance)})"
        return Finding(ok=False, name="initial_balance", text=text)
    return Finding(ok=True, name="initial_balance", text=f"{profile.readable(amount)} for each account")
