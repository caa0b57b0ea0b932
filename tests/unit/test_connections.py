"""Which connections give way to others."""

import socket
import time
from collections.abc import Iterator

import pytest

from handlers.http.client import connection_key
from handlers.http.connections import IDLE_TIMEOUT, Connections, max_connections
from handlers.http.stream import ClientStream
from jobs.monitoring.metrics import Metrics
from jobs.settings import values


@pytest.fixture
def peers() -> Iterator[list[socket.socket]]:
    """The clients' ends, closed after the test."""
    ends: list[socket.socket] = []
    yield ends
    for end in ends:
        end.close()


def streams(peers: list[socket.socket], count: int) -> list[ClientStream]:
    made = []
    for _ in range(count):
        ours, theirs = socket.socketpair()
        peers.append(theirs)
        made.append(ClientStream(ours, unreadable=b""))
    return made


async def test_longest_wait_gives_way(peers: list[socket.socket]) -> None:
    connections = Connections(Metrics(), 3)
    first, second, third, fourth = streams(peers, 4)
    for stream in (first, second, third):
        connections.add(stream, None)
        connections.wait(stream)
    connections.answer(second)
    connections.wait(first)
    assert connections.make_room()
    assert [stream.closed() for stream in (first, second, third)] == [False, False, True]
    connections.add(fourth, None)
    for stream in (first, fourth):
        connections.answer(stream)
    assert not connections.make_room()
    for stream in (first, second, fourth):
        stream.close()


async def test_one_client_has_a_quarter(peers: list[socket.socket]) -> None:
    metrics = Metrics()
    connections = Connections(metrics, 8)
    ours, other = streams(peers, 3), streams(peers, 1)
    connections.add(other[0], "192.0.2.2")
    for stream in ours:
        connections.add(stream, "192.0.2.1")
    assert [stream.closed() for stream in (*ours, *other)] == [True, False, False, False]
    for stream in ours[1:]:
        connections.answer(stream)
    (late,) = streams(peers, 1)
    connections.add(late, "192.0.2.1")
    assert late.closed()
    assert metrics.connections_closed.labels(reason="client")._value.get() == 2
    for stream in (*ours, *other):
        stream.close()
    assert connections.make_room()


async def test_client_behind_a_proxy_has_a_quarter_of_the_requests_in_hand(peers: list[socket.socket]) -> None:
    connections = Connections(Metrics(), 8)
    proxied = streams(peers, 5)
    for stream in proxied:
        connections.add(stream, None)
        connections.wait(stream)
    first, second, third, *others = proxied
    assert [connections.carry(stream, "192.0.2.1") for stream in (first, second, third)] == [True, True, False]
    assert [connections.carry(stream, client) for stream, client in zip(others, ("192.0.2.2", None), strict=True)] == [
        True,
        True,
    ]
    connections.wait(first)
    assert connections.carry(third, "192.0.2.1")
    assert not connections.carry(first, "192.0.2.1")
    second.close()
    assert connections.carry(first, "192.0.2.1")
    for stream in proxied:
        stream.close()
    assert not connections._carried_for


async def test_idle_connections_are_closed(peers: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those on which nothing of a request came for long; not those that just had a reply, or carry a request."""
    metrics = Metrics()
    connections = Connections(metrics, 8)
    idle, late, busy, reading = made = streams(peers, 4)
    for stream in made:
        connections.add(stream, None)
        connections.wait(stream)
    connections.answer(busy)
    peers[-1].send(b"P")
    assert reading.read_from_fd(bytearray(1)) == 1
    now = time.monotonic()
    monkeypatch.setattr("handlers.http.connections.time.monotonic", lambda: now + IDLE_TIMEOUT)
    connections.wait(late)
    monkeypatch.setattr("handlers.http.connections.time.monotonic", lambda: now + IDLE_TIMEOUT + 1)
    connections.close_idle()
    assert [stream.closed() for stream in (idle, late, busy, reading)] == [True, False, False, False]
    for stream in made:
        stream.close()


@pytest.mark.parametrize(("files", "most"), [(65536, 65472), (256, 192), (100, 50)])
def test_connections_leave_files_for_the_rest(files: int, most: int) -> None:
    assert max_connections(files) == most


@pytest.mark.parametrize(
    ("peer", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("10.1.2.3", None),
        ("127.0.0.9", None),
        ("::1", None),
    ],
)
def test_proxies_and_this_machine_may_have_any_number(peer: str, key: str | None) -> None:
    assert connection_key(peer, (values.network("10.0.0.0/8"),)) == key
