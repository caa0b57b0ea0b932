"""What operators allow and deny: names, networks and referrers. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from jobs.errors import Code, FaucetError
from jobs.ways.lookalikes import Brands
from jobs.ways.patterns import Patterns

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Reason(StrEnum):
    """Which list refused a signup, for the metrics."""

    NAME = "name"  #: names.deny
    RESERVED = "reserved"  #: names.reserved
    BRAND = "brand"  #: names.brands
    NETWORK = "network"  #: networks.deny
    REFERRER = "referrer"  #: referrers.deny


NAME_SENTENCES = {
    Reason.NAME: "The name is not allowed here.",
    Reason.RESERVED: "The name is reserved.",
    Reason.BRAND: "The name looks like one that is reserved.",
}


class Networks:
    """Addresses and networks; to look for one takes the same time however many there are."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self.networks = tuple(networks)
        self._by_size: dict[tuple[int, int], set[int]] = {}
        for network in self.networks:
            shift = network.max_prefixlen - network.prefixlen
            self._by_size.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)

    def hold(self, address: Address) -> bool:
        """Whether `address` is in one of them."""
        number = int(address)
        return any(
            number >> shift in found for (version, shift), found in self._by_size.items() if version == address.version
        )


@dataclass(frozen=True, slots=True)
class Lists:
    """What a file of lists says. What it allows, it does not deny; what it does not name is allowed."""

    names_deny: Patterns
    names_allow: Patterns
    reserved: frozenset[str]  #: words that no part of a name may be
    brands: Brands
    networks_deny: Networks
    networks_allow: Networks
    referrers_deny: Patterns
    referrers_allow: Patterns

    def __str__(self) -> str:
        counts = {
            "names": len(self.names_deny.patterns) + len(self.reserved) + len(self.brands.skeletons),
            "networks": len(self.networks_deny.networks),
            "referrers": len(self.referrers_deny.patterns),
        }
        return ", ".join(f"{what} denied by {count:,} entries" for what, count in counts.items())

    @property
    def denies_names(self) -> bool:
        """Whether there are names that it denies."""
        return bool(self.names_deny.patterns or self.reserved or self.brands.skeletons)

    @property
    def denies_networks(self) -> bool:
        """Whether there are networks that it denies."""
        return bool(self.networks_deny.networks)

    def name_refusal(self, name: str) -> Reason | None:
        """Why `name` is not registered; None if it may be."""
        if self.names_allow.match(name):
            return None
        if self.names_deny.match(name):
            return Reason.NAME
        if self.reserved and not self.reserved.isdisjoint(name.replace(".", "-").split("-")):
            return Reason.RESERVED
        return Reason.BRAND if self.brands.look_like(name) else None

    def denies_network(self, address: Address) -> bool:
        """Whether nobody at `address` may sign up."""
        return self.networks_deny.hold(address) and not self.networks_allow.hold(address)

    def denies_referrer(self, name: str) -> bool:
        """Whether `name` may not be a referrer."""
        return self.referrers_deny.match(name) and not self.referrers_allow.match(name)


def error_of_name(reason: Reason) -> FaucetError:
    """The refusal of a name."""
    return FaucetError(Code.INVALID_NAME, NAME_SENTENCES[reason], field="name")


NO_LISTS = Lists(
    Patterns(()), Patterns(()), frozenset(), Brands(()), Networks(()), Networks(()), Patterns(()), Patterns(())
)
