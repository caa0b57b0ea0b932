"""What `check` reports of one node: whether it serves, whether it is believed, and the conditions that it shows."""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from chain.connection import Peer
from chain.errors import UnfitNode
from chain.keys import PrivateKey
from chain.node import Head, Node
from jobs.budget import Allowance, Ceilings, Fees, budget_of, ceilings_of
from jobs.conditions import Condition, LedgerStatus, conditions
from jobs.ledger import Ledger
from jobs.model.chain import ChainStatus, Pin
from jobs.nodes.claims import CHAIN, Claims, read_claims
from jobs.nodes.fitness import check_number, compare, fixed_pins, is_own
from jobs.nodes.profile import ChainProfile
from jobs.observe import configured_accounts, observe
from jobs.settings import Settings
from jobs.template import named_accounts

DATABASE = "database"
APIS = (DATABASE, "network_broadcast")  #: what serving calls

#: The lines of `check` about what a node shows, each with the conditions that it stands for.
LINES: Mapping[str, tuple[str, ...]] = {
    "chain": ("asset",),
    "accounts": ("accounts",),
    "registrar": ("registrar",),
    "membership": ("membership",),
    "key": ("key",),
    "fee": ("fee",),
    "assertions": ("assertions",),
    "balance": ("account", "balance"),
    "initial_balance": ("smallest_payment", "initial_balance"),
    "budget": ("daily_budget", "budget"),
}

OWN = "the operator's own (own_nodes): its word is enough"
STRANGER = "a stranger (own_nodes): what its word is not enough for is read from another configured node too"
LONE = "a stranger (own_nodes), and no other node is configured: expired payments are held until an operator decides"
AT_FIRST_CONTACT = "what the chain is, is believed on its word alone: name another node to confirm it"


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """What a ledger holds of the chain, and of today's spending."""

    pins: Mapping[str, Pin] = field(default_factory=dict)
    lowest_fees: Mapping[str, int] = field(default_factory=dict)
    opening_balance: int | None = None  #: the registrar's at midnight UTC, satoshi
    spent: int = 0  #: satoshi since then
    final: int | None = None  #: number of the last block that was final; None before the first

    @classmethod
    async def read(cls, ledger: Ledger) -> "LedgerRecord":
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
    """The lines about one node."""

    def __init__(
        self, node: Node, peer: Peer | None, settings: Settings, key: PrivateKey, record: LedgerRecord, *,
        others: bool, now: float,
    ) -> None:  # fmt: skip
        """`others` says whether more nodes are configured; `now` is in seconds since 1970."""
        self._node = node
        self._settings = settings
        self._key = key
        self._record = record
        self._now = now
        self._own = is_own(settings, peer)
        self._alone = not (self._own or others)  # its word is all there is
        self.claims: Claims = {}  #: what the node says of the chain, once it answered

    async def run(self) -> AsyncIterator[Condition]:
        """Each line as soon as it is known. Raises LinkError or Refused where the node does not answer."""
        refused = {api: why for api in APIS if (why := await self._node.serves(api)) is not None}
        yield _apis(refused)
        if DATABASE in refused:
            return
        head = await self._node.head()
        seen = ChainStatus(head_block=head.number, head_time=head.time, stranger=not self._own)
        for line in self._lines(seen, {"node": ("head",)}):
            yield line
        yield Condition("trust", ok=True, text=self._trust())
        self.claims = await read_claims(self._node, sorted(named_accounts(self._settings)))
        if self._record.pins:
            yield self._compare(head)
        for line in self._lines(await self._observe(head), LINES):
            yield line

    async def _observe(self, head: Head) -> ChainStatus:
        profile = ChainProfile.of(self.claims, self._key)
        accounts = await configured_accounts(self._node, self._settings)
        return await observe(
            self._node, self._settings, profile, accounts, head=head, own=self._own, allow=self._allowance
        )

    async def _allowance(self, status: ChainStatus, fees: Fees) -> Allowance:
        """What may be spent by what the ledger has: nothing is added to it."""
        record = self._record
        ceilings = self._ceilings(fees.by_operation(), status.precision or 0)
        basis = status.balance or 0 if record.opening_balance is None else record.opening_balance
        budget = budget_of(status, self._settings, ceilings, basis)
        return Allowance(ceilings, budget, budget - record.spent)

    def _ceilings(self, fees: Mapping[str, int], precision: int) -> Ceilings:
        """As the drain has them: an own node's fees may lower what the ledger has, a stranger's may not."""
        known = self._record.lowest_fees
        lowest = {
            name: min(fee, known.get(name, fee)) if self._own else known.get(name, fee) for name, fee in fees.items()
        }
        return ceilings_of(self._settings, lowest, precision)

    def _lines(self, status: ChainStatus, lines: Mapping[str, tuple[str, ...]]) -> Iterable[Condition]:
        """Those of `lines` that apply to `status`: the first condition that fails, else the last one."""
        found = conditions(status, self._settings, self._now, LedgerStatus(spent=self._record.spent))
        for line, names in lines.items():
            of_line = [condition for condition in found if condition.name in names]
            if of_line:
                condition = next((each for each in of_line if not each.ok), of_line[-1])
                yield Condition(line, condition.ok, condition.text)

    def _trust(self) -> str:
        if not self._alone:
            return OWN if self._own else STRANGER
        pins = self._record.pins
        return LONE if all(name in pins and pins[name].agreed for name in CHAIN) else f"{LONE}; {AT_FIRST_CONTACT}"

    def _compare(self, head: Head) -> Condition:
        """Whether the node is on the ledger's chain, and has the blocks that were final."""
        try:
            compare(self._record.pins if self._alone else fixed_pins(self._record.pins), self.claims)
            if self._record.final is not None:
                check_number(head, self._record.final)
        except UnfitNode as error:
            return Condition("ledger", ok=False, text=str(error))
        return Condition("ledger", ok=True, text="says of the chain what the ledger has")


def _apis(refused: Mapping[str, str]) -> Condition:
    if not refused:
        return Condition("api", ok=True, text=f"offers {' and '.join(APIS)}")
    text = "; ".join(f"does not offer {api}: {why}" for api, why in refused.items())
    return Condition("api", ok=False, text=text)
