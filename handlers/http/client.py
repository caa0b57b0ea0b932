"""Who is asking: the address that the limit between two signups counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

PEERS = 1024  #: whose addresses are remembered: to read one takes as long as to read a signup's JSON


def forwarded_in(headers: Mapping[str, str]) -> tuple[Sequence[str], str | None]:
    """What proxies say of the client: the values of X-Forwarded-For, and that of X-Real-IP."""
    forwarded = headers.get("X-Forwarded-For")
    return (() if forwarded is None else (forwarded,)), headers.get("X-Real-IP")


def client_key(peer: str, forwarded: Sequence[str], real_ip: str | None, trusted: tuple[Network, ...]) -> str | None:
    """What the address limit counts: an IPv4 address, or the /64 of an IPv6 one; None is exempt.

    `forwarded` are the values of X-Forwarded-For and `real_ip` that of X-Real-IP, which only a trusted peer
    may set. A request straight from a loopback address is exempt, as in the predecessor.
    """
    proxy, hops = _forwarding(peer, forwarded, real_ip, trusted)
    return _direct_key(peer) if proxy is None else _key(_client(proxy, hops, trusted))


def limited_client(
    peer: str, forwarded: Sequence[str], real_ip: str | None, trusted: tuple[Network, ...]
) -> Address | None:
    """The address that `client_key` counts, from what that takes; None is exempt."""
    proxy, hops = _forwarding(peer, forwarded, real_ip, trusted)
    if proxy is not None:
        return _client(proxy, hops, trusted)
    address = _parse(peer)
    return None if address is None or address.is_loopback else address


def client_address(
    peer: str, forwarded: Sequence[str], real_ip: str | None, trusted: tuple[Network, ...]
) -> Address | None:
    """The client's address, from what `client_key` takes; None if a trusted proxy gives one that can't be read."""
    proxy, hops = _forwarding(peer, forwarded, real_ip, trusted)
    return _parse(peer) if proxy is None else [*_path(proxy, hops, trusted)][-1]


def connection_key(peer: str, trusted: tuple[Network, ...]) -> str | None:
    """What the limit of connections counts; None of proxies, whose connections are many clients', and this machine."""
    return None if _proxy(peer, trusted) is not None else _direct_key(peer)


def is_https(peer: str, protocol: str, forwarded: Sequence[str], trusted: tuple[Network, ...]) -> bool:
    """Whether the client's request came over HTTPS.

    `forwarded` are the values of X-Forwarded-Proto, which only a trusted peer may set; the nearest proxy's is last.
    """
    if _proxy(peer, trusted) is None:
        return protocol == "https"
    return [protocol, *_hops(forwarded)][-1].lower() == "https"


@lru_cache(maxsize=PEERS)
def _proxy(peer: str, trusted: tuple[Network, ...]) -> Address | None:
    """The peer's address, if it is trusted."""
    address = _parse(peer)
    return address if address is not None and is_in(address, trusted) else None


@lru_cache(maxsize=PEERS)
def _direct_key(peer: str) -> str | None:
    """What counts a request that comes straight from `peer`."""
    address = _parse(peer)
    if address is None:
        return peer
    return None if address.is_loopback else _key(address)


def _forwarding(
    peer: str, forwarded: Sequence[str], real_ip: str | None, trusted: tuple[Network, ...]
) -> tuple[Address | None, list[str]]:
    """The proxy that passed the request on, if that is trusted and says for whom; and the addresses that it names."""
    hops = _hops(forwarded) or ([] if real_ip is None else [real_ip])
    return (_proxy(peer, trusted) if hops else None), hops


def _client(peer: Address, hops: Sequence[str], trusted: Sequence[Network]) -> Address:
    """The first address from the right that is no proxy of ours; what stands left of it anyone could write."""
    return [address for address in _path(peer, hops, trusted) if address is not None][-1]


def _path(peer: Address, hops: Sequence[str], trusted: Sequence[Network]) -> Iterator[Address | None]:
    """The addresses from the peer on, the client's last, or None where a proxy of ours gives none that can be read."""
    yield peer
    for hop in reversed(hops):
        address = _parse(hop)
        yield address
        if address is None or not is_in(address, trusted):
            return


def _hops(forwarded: Iterable[str]) -> list[str]:
    return [hop.strip() for value in forwarded for hop in value.split(",") if hop.strip()]


def _parse(text: str) -> Address | None:
    """The address in `text`, with or without brackets, port and zone; IPv4 within IPv6 is IPv4."""
    bare = text.strip().strip('"')
    if bare.startswith("["):
        bare = bare[1:].partition("]")[0]
    elif bare.count(":") == 1:
        bare = bare.partition(":")[0]
    try:
        address = ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def is_in(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of `networks` holds `address`."""
    return any(address in network for network in networks)


def _key(address: Address) -> str:
    if isinstance(address, IPv4Address):
        return str(address)
    return str(ip_network((address, 64), strict=False))
