"""The node's address as the link knows it; its credentials stay secret."""

import base64
import logging
from typing import Any

import pytest

from chain.connection import Peer, ip_address_of
from chain.errors import OutcomeUnknown
from chain.link import Call, without_credentials
from chain.open_link import open_link
from tests.harness.links import Naps, connected, link_to, running
from tests.harness.loglines import log_lines
from tests.harness.scripted_node import ScriptedNode, sends_frame


async def test_peer_has_the_connected_ip_address() -> None:
    peers: list[Peer] = []

    async def record_peer(_call: Call, peer: Peer) -> None:
        peers.append(peer)

    node = ScriptedNode()
    async with node.serving():
        url = node.url.replace("127.0.0.1", "localhost")
        async with connected(url, validate_node=record_peer) as link:
            assert peers == [link.peer] == [Peer(url, "127.0.0.1")]
            assert link.urls == (url,)


@pytest.mark.parametrize(
    ("peername", "address"),
    [
        (("192.0.2.7", 8090), "192.0.2.7"),
        (("2001:db8::7", 8090, 0, 0), "2001:db8::7"),
        (("fe80::7%eth0", 8090, 0, 2), "fe80::7"),
        (("::ffff:127.0.0.1", 8090, 0, 0), "127.0.0.1"),
    ],
)
def test_ip_address_has_no_port_or_zone(peername: tuple[Any, ...], address: str) -> None:
    assert ip_address_of(peername) == address


def test_urls_have_no_credentials() -> None:
    link = link_to("ws://user:secret@node.example:8090/secret", "wss://other.example")
    assert link.urls == ("ws://node.example:8090", "wss://other.example:443")


async def test_open_link_knows_its_peer() -> None:
    async with ScriptedNode().serving() as node, open_link([node.url], timeout=5.0) as link:
        assert link.peer == Peer(node.url, "127.0.0.1")


@pytest.mark.parametrize(
    ("url", "display_url"),
    [
        ("ws://127.0.0.1:8090", "ws://127.0.0.1:8090"),
        ("wss://node.example/ws?token=secret", "wss://node.example:443"),
        ("ws://user:secret@node.example:8090/secret", "ws://node.example:8090"),
        ("ws://user:secret@[::1]:8090", "ws://[::1]:8090"),
    ],
)
def test_url_is_shown_without_secrets(url: str, display_url: str) -> None:
    assert without_credentials(url) == display_url


@pytest.mark.parametrize(
    "url",
    [
        "secret",
        "http://user:secret@node.example",
        "ws://user:secret@",
        "ws://secret@node.example",
        "ws://user:secret@node.example/#x",
        "ws://user:secret@node.example:99999",
        "ws://user:secret@[::1",
    ],
)
def test_other_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        link_to(url)
    assert "secret" not in str(caught.value)


async def test_credentials_reach_only_the_node(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    encoded = base64.b64encode(b"user:secret").decode()
    node, naps = ScriptedNode(get_block=sends_frame("garbage")), Naps(most=1)
    async with node.serving():
        url = node.url.replace("ws://", "ws://user:secret@")
        async with running(link_to(url, sleep=naps)) as link:
            await link.wait_connected()
            assert link.url == node.url
            with pytest.raises(OutcomeUnknown):
                await link.call("database", "get_block", [63])
            await naps.over.wait()
            assert "secret" not in str(link.last_error)
        request = node.sockets[0].request
        assert request is not None
        assert request.headers["Authorization"] == f"Basic {encoded}"
    text = "".join(log_lines(caplog.records))
    assert f'event="node in use" node={node.url} ' in text
    assert "secret" not in text
    assert encoded not in text
