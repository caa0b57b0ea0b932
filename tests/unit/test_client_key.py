"""The address that a signup counts against."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.http.client import client_address, client_key

TRUSTED = tuple(ip_network(network) for network in ("127.0.0.0/8", "::1/128", "10.0.0.0/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "real_ip", "key"),
    [
        ("192.0.2.1", [], None, "192.0.2.1"),
        ("127.0.0.1", [], None, None),
        ("::1", [], None, None),
        ("10.0.0.1", [], None, "10.0.0.1"),
        ("127.0.0.1", ["192.0.2.1"], None, "192.0.2.1"),
        ("127.0.0.1", ["203.0.113.5, 192.0.2.1"], None, "192.0.2.1"),
        ("127.0.0.1", ["203.0.113.5", "192.0.2.1, 10.1.2.3"], None, "192.0.2.1"),
        ("127.0.0.1", [], "192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", ["203.0.113.5"], "203.0.113.5", "192.0.2.1"),
        ("127.0.0.1", ["garbage, 192.0.2.1"], None, "192.0.2.1"),
        ("127.0.0.1", ["192.0.2.1, garbage"], None, "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1:4711"], None, "192.0.2.1"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], None, "2001:db8::/64"),
        ("2001:db8:0:1:2:3:4:5", [], None, "2001:db8:0:1::/64"),
        ("::ffff:192.0.2.1", [], None, "192.0.2.1"),
        ("127.0.0.1", ["127.0.0.1"], None, "127.0.0.1"),
    ],
)
def test_client_key_of_an_address(peer: str, forwarded: list[str], real_ip: str | None, key: str | None) -> None:
    assert client_key(peer, forwarded, real_ip, TRUSTED) == key


@given(st.lists(st.text(max_size=40) | st.ip_addresses().map(str), max_size=4), st.none() | st.text(max_size=40))
def test_untrusted_peer_cannot_choose_its_address(forwarded: list[str], real_ip: str | None) -> None:
    assert client_key("192.0.2.1", forwarded, real_ip, TRUSTED) == "192.0.2.1"


@given(st.lists(st.text(max_size=40) | st.ip_addresses().map(str), max_size=4))
def test_entries_left_of_the_proxys_are_ignored(written: list[str]) -> None:
    """Our proxy appends the peer's address; a client may have written everything before it."""
    header = ", ".join([*(entry.replace(",", "") for entry in written), "192.0.2.1"])
    assert client_key("127.0.0.1", [header], None, TRUSTED) == "192.0.2.1"


@pytest.mark.parametrize(
    ("peer", "forwarded", "real_ip", "address"),
    [
        ("192.0.2.1", ["10.0.0.1"], "10.0.0.1", "192.0.2.1"),
        ("127.0.0.1", [], None, "127.0.0.1"),
        ("127.0.0.1", ["2001:db8::1"], None, "2001:db8::1"),
        ("127.0.0.1", ["10.0.0.1, 192.0.2.1"], None, "192.0.2.1"),
        ("127.0.0.1", [], "192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", [], None, "192.0.2.1"),
        ("127.0.0.1", ["unknown"], None, None),
        ("127.0.0.1", ["192.0.2.1, unknown, 10.0.0.1"], None, None),
        ("", [], None, None),
    ],
)
def test_address_that_a_proxy_does_not_give_is_not_its_own(
    peer: str, forwarded: list[str], real_ip: str | None, address: str | None
) -> None:
    found = client_address(peer, forwarded, real_ip, TRUSTED)
    assert (None if found is None else str(found)) == address
