"""The limits of clients' networks, each within a larger one: who has many addresses has few networks."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from jobs.model.job import Quota
from jobs.settings.network_limits import NetworkLimit

CLIENTS = 4096  #: whose quotas are remembered: to make them takes as long as to read a signup's JSON

ONE_PER_ADDRESS = "Only one account per IP"
TOO_MANY = "Too many accounts from this network"

_ONE = {4: 32, 6: 64}  #: bits of the network that one client has at the least
_SHARED = {4: 24, 6: 48}  #: bits of one within which clients move


@lru_cache(maxsize=CLIENTS)
def network_quotas(client: str, interval: int, limits: tuple[NetworkLimit, ...]) -> tuple[Quota, ...]:
    """The quotas of a `client`, an IPv4 address or an IPv6 /64: one signup in `interval` seconds, and `limits`.

    The narrowest comes first, so that it is the one that is told.
    """
    network = _network(client)
    if network is None:
        return (Quota("client", f"client {client}", 1, interval, ONE_PER_ADDRESS),) if interval else ()
    own = [NetworkLimit(network.version, _ONE[network.version], 1, interval)] if interval else []
    wider = sorted((each for each in limits if each.family == network.version), key=lambda each: -each.prefix)
    return tuple(_quota(network, limit) for limit in (*own, *wider))


def broad_network(client: str) -> str:
    """The network that a `client` shares with its neighbours: an IPv4 /24 or an IPv6 /48, as text."""
    network = _network(client)
    return client if network is None else str(network.supernet(new_prefix=_SHARED[network.version]))


def _network(client: str) -> IPv4Network | IPv6Network | None:
    """The client's network; of an IPv6 one that is made of an IPv4 address, that address."""
    try:
        network = ip_network(client, strict=False)
    except ValueError:
        return None
    if isinstance(network, IPv6Network) and (within := _embedded(network.network_address)) is not None:
        return IPv4Network(within)
    return network


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """The IPv4 address of a 6to4 tunnel (RFC 3056): whoever has it has 65,536 networks."""
    return address.sixtofour


def _quota(network: IPv4Network | IPv6Network, limit: NetworkLimit) -> Quota:
    prefix = min(limit.prefix, network.prefixlen)
    sentence = ONE_PER_ADDRESS if limit.capacity == 1 and limit.prefix == _ONE[limit.family] else TOO_MANY
    subject = f"{_counted(network, prefix)} {limit.interval}"
    home = _counted(network, min(prefix, _SHARED[limit.family]))
    name = f"ipv{limit.family}/{limit.prefix}"
    return Quota(name, subject, limit.capacity, limit.interval, sentence, home=home)


def _counted(network: IPv4Network | IPv6Network, prefix: int) -> str:
    """The network with so many bits that it is in, in a tenth of the time that the library's own text takes."""
    bits = int(network.network_address) >> (network.max_prefixlen - prefix)
    return f"network {network.version} {prefix} {bits:x}"
