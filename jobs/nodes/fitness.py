"""Whether a node may be used: what it says must be what the ledger has pinned, and fit the clock."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address

from chain.connection import Peer
from chain.errors import LinkError, Refused, UnfitNode
from chain.keys import PrivateKey
from chain.link import Call, without_credentials
from chain.node import Account, Head, Node
from chain.open_link import open_link
from jobs.errors import FaucetError
from jobs.ledger.blocks import BlockLog
from jobs.ledger.pins import Pins
from jobs.model.chain import Pin
from jobs.model.misfit import asset_misfit, head_misfit
from jobs.nodes.claims import CHAIN, Claims, account_claim, first_difference, read_claims
from jobs.nodes.profile import ChainProfile
from jobs.settings import Settings
from jobs.template import named_accounts


class Fitness:
    """Validates nodes against the pins, and pins what the chain is."""

    def __init__(
        self,
        *,
        settings: Settings,
        pins: Pins,
        blocks: BlockLog,
        urls: Sequence[str],
        key: PrivateKey,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._saved_pins = pins
        self._blocks = blocks
        self._urls = {without_credentials(url): url for url in urls}
        self._key = key
        self._clock = clock
        self._pins: Mapping[str, Pin] = {}
        self.profile: ChainProfile | None = None  #: what the chain is; None until a node was met

    @property
    def agreed(self) -> bool:
        """Whether more than one stranger, or an own node, said what the chain is."""
        return all(name in self._pins and self._pins[name].agreed for name in CHAIN)

    @property
    def ids(self) -> dict[str, str]:
        """The pinned ids of accounts, by name."""
        prefix = account_claim("")
        return {name.removeprefix(prefix): pin.value for name, pin in self._pins.items() if name.startswith(prefix)}

    def is_own(self, peer: Peer | None) -> bool:
        """Whether the node at `peer` is the operator's own. The embedded dev chain always is."""
        return is_own(self._settings, peer)

    async def load(self) -> None:
        """Read what is pinned. Raises FaucetError without a ledger."""
        self._pins = await self._saved_pins.all()
        self.profile = self._profile()

    async def validate(self, call: Call, peer: Peer) -> None:
        """Take a node only if it is on the ledger's chain and near its head. Raises UnfitNode, LinkError or Refused."""
        node = Node(call)
        head = await node.head()
        self.check_time(head, peer)
        try:
            await self.check_number(head)
            await self._pin(await self._claims(node), peer)
        except FaucetError as error:  # without a ledger none can be validated, and none is to blame
            raise UnfitNode(error.sentence) from error

    async def validate_second(self, call: Call, peer: Peer) -> None:
        """Take a node that only confirms what another says: it pins nothing. Raises the same."""
        node = Node(call)
        self.check_time(await node.head(), peer)
        compare(self._pins, await self._claims(node))

    async def account_ids(self, accounts: Mapping[str, Account], peer: Peer) -> dict[str, str]:
        """The pinned ids of the configured accounts among `accounts`, by name; those that are new are pinned first.

        Raises UnfitNode where the node at `peer` gave another id, FaucetError without a ledger.
        """
        names = named_accounts(self._settings) & accounts.keys()
        await self._pin({account_claim(name): accounts[name].id for name in names}, peer)
        return {name: self._pins[account_claim(name)].value for name in names}

    def check_time(self, head: Head, peer: Peer) -> None:
        """Raise UnfitNode where the head is too old, or a stranger's is ahead of this machine's clock."""
        check_time(head, own=self.is_own(peer), now=self._clock(), max_age=self._settings.max_head_age)

    async def _claims(self, node: Node) -> dict[str, str]:
        claims = await read_claims(node, sorted(named_accounts(self._settings)))
        misfit = asset_misfit(claims["symbol"], self._settings.core_asset)
        if misfit is not None:
            raise UnfitNode(misfit)
        return claims

    async def check_number(self, head: Head) -> None:
        """Raise UnfitNode where the head is far below what was final already. Raises FaucetError without a ledger."""
        oldest = await self._blocks.oldest()
        if oldest is not None:
            check_number(head, oldest[0])

    async def _pin(self, claims: Claims, peer: Peer) -> None:
        """Compare `claims` with what is pinned, and pin what is not. Raises UnfitNode."""
        own = self.is_own(peer)
        if not self._pins:
            await self.load()
        fixed = fixed_pins(self._pins)
        compare(fixed, claims)
        if self._adds_nothing(claims) and not (own and claims.keys() - fixed.keys()):
            return
        agreed = own or await self._is_confirmed(claims, peer)
        if not agreed:
            compare(self._pins, claims)
        await self._saved_pins.save(claims, agreed=agreed)
        await self.load()

    def _adds_nothing(self, claims: Claims) -> bool:
        """Whether just these `claims` are pinned already."""
        return all(name in self._pins and self._pins[name].value == value for name, value in claims.items())

    async def _is_confirmed(self, claims: Claims, peer: Peer) -> bool:
        """Whether another configured node says the same; False where none is configured. Raises UnfitNode."""
        others = [url for public_url, url in self._urls.items() if public_url != peer.url]
        if not others:
            return False
        try:
            async with open_link(others, timeout=self._settings.node_timeout) as link:
                second, second_url = await self._claims(Node(link.call)), link.url
        except (LinkError, Refused) as error:
            raise UnfitNode(f"is a stranger, and no other node confirms what it says of the chain: {error}") from error
        difference = first_difference(second, claims)
        if difference is not None or not claims.keys() <= second.keys():
            raise UnfitNode(f"{difference or 'names an account that there is not'} by {second_url}")
        return True

    def _profile(self) -> ChainProfile | None:
        if not self._pins.keys() >= CHAIN:
            return None
        return ChainProfile.of({name: pin.value for name, pin in self._pins.items()}, self._key)


def is_own(settings: Settings, peer: Peer | None) -> bool:
    """Whether the node at `peer` is the operator's own. The embedded dev chain always is."""
    if settings.uses_devchain:
        return True
    if peer is None:
        return False
    address = ip_address(peer.address)
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in settings.own_nodes)


def check_time(head: Head, *, own: bool, now: float, max_age: int) -> None:
    """Raise UnfitNode where the head is older than `max_age` seconds, or a stranger's is as far ahead of the clock."""
    misfit = head_misfit(head.time, own=own, now=now, max_age=max_age)
    if misfit is not None:
        raise UnfitNode(misfit)


def check_number(head: Head, final: int) -> None:
    """Raise UnfitNode where the head is below block `final`, which the ledger has as final."""
    if head.number < final:
        raise UnfitNode(
            f"has only {head.number} blocks, but block {final} was final already: if the chain was started "
            "anew, use a new ledger; if an earlier node made blocks up, run: faucet.py refollow"
        )


def fixed_pins(pins: Mapping[str, Pin]) -> dict[str, Pin]:
    """Those of `pins` that no node may contradict.

    What a lone stranger said gives way to an own node, or to two nodes; but not which chain it is.
    """
    return {name: pin for name, pin in pins.items() if pin.agreed or name == "chain_id"}


def compare(pins: Mapping[str, Pin], claims: Claims) -> None:
    """Raise UnfitNode where `claims` contradict `pins`."""
    difference = first_difference({name: pin.value for name, pin in pins.items()}, claims)
    if difference is not None:
        raise UnfitNode(difference)
