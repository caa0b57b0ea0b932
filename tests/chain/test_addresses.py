"""Hosts of several addresses: which one is used, how soon, and what is said where none is of use."""

import asyncio
import socket
import threading
from collections.abc import Iterable
from contextlib import AsyncExitStack

import pytest

from chain import addresses, lookups
from chain.addresses import UnreachableHost, open_first
from chain.connection import open_socket
from tests.harness.dead_addresses import DEAD, Dead, Place, dropping, mute, refusing
from tests.harness.links import SHORT
from tests.harness.names import Names, known_as
from tests.harness.scripted_node import ScriptedNode

NAME = "node.example"
LONG = 20.0  #: seconds, more than any of these tests takes


def know(monkeypatch: pytest.MonkeyPatch, names: Names) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", known_as(names))


def place_of(node: ScriptedNode) -> Place:
    host, port = node.url.removeprefix("ws://").split(":")
    return host, int(port)


async def connect(stack: AsyncExitStack, within: float = LONG) -> str:
    """The address that NAME was connected at."""
    opened = await stack.enter_async_context(open_socket(f"ws://{NAME}:8090", timeout=within))
    return str(opened.transport.get_extra_info("peername")[0])


def all_of(stack: AsyncExitStack, dead: Iterable[Dead]) -> list[Place]:
    return [stack.enter_context(each()) for each in dead]


MIXED: list[Dead] = [dropping, lambda: mute("127.0.0.2"), refusing, lambda: dropping("127.0.0.3")]


@pytest.mark.parametrize("dead", [*([each] for each, _ in DEAD.values()), MIXED], ids=[*DEAD, "several"])
async def test_next_address_is_used_where_the_first_is_dead(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, dead: list[Dead]
) -> None:
    """Long before the time-out, which fails the test."""
    caplog.set_level("INFO")
    async with ScriptedNode().serving() as node, AsyncExitStack() as stack:
        places = all_of(stack, dead)
        know(monkeypatch, {NAME: [*places, place_of(node)]})
        async with asyncio.timeout(LONG / 2):
            assert await connect(stack) == "127.0.0.1"
        skipped = [record.fields for record in caplog.records if record.getMessage() == "address skipped"]  # type: ignore[attr-defined]
        assert {(each["address"], each["used"]) for each in skipped} == {(ip, "127.0.0.1") for ip, _ in places}


@pytest.mark.parametrize(("dead", "reason"), DEAD.values(), ids=DEAD)
async def test_every_dead_address_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, dead: Dead, reason: str
) -> None:
    async with AsyncExitStack() as stack:
        places = all_of(stack, [dead, lambda: refusing("127.0.0.1")])
        know(monkeypatch, {NAME: places})
        with pytest.raises(UnreachableHost) as raised:
            await connect(stack, within=SHORT)
        assert str(raised.value) == f"::1: {reason}; 127.0.0.1: Connection refused"


async def test_live_first_address_is_the_only_one_that_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    async with ScriptedNode().serving() as node, ScriptedNode().serving() as other, AsyncExitStack() as stack:
        monkeypatch.setattr(addresses, "CONNECT_DELAY", LONG)
        know(monkeypatch, {NAME: [place_of(node), place_of(other)]})
        await connect(stack)
        assert (len(node.sockets), len(other.sockets)) == (1, 0)


async def test_addresses_that_are_too_late_are_closed() -> None:
    """Two are ready in the same iteration of the loop: one is used."""
    both, discarded = asyncio.Event(), list[socket.socket]()
    opened: list[socket.socket] = []

    async def open_(connection: socket.socket) -> socket.socket:
        opened.append(connection)
        if len(opened) == 2:
            both.set()
        await both.wait()
        return connection

    with mute("127.0.0.1") as first, mute("127.0.0.2") as second, pytest.MonkeyPatch.context() as patch:
        patch.setattr(addresses, "READY_DELAY", 0.0)
        know(patch, {NAME: [first, second]})
        used = await open_first(NAME, 0, open_, discard=discarded.append, timeout=LONG)
        assert {used, *discarded} == set(opened)
        for each in opened:
            each.close()


async def test_name_that_there_is_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, {NAME: []})
    async with AsyncExitStack() as stack:
        with pytest.raises(UnreachableHost, match=r"^the name node.example can't be resolved: Name or service not"):
            await connect(stack)


async def test_resolver_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks again meanwhile shares the look-up: one thread is lost, not one a try."""
    know(monkeypatch, {NAME: None})
    before = threading.active_count()
    async with AsyncExitStack() as stack:
        for _ in range(3):
            with pytest.raises(UnreachableHost, match=r"^the name node.example was not resolved within 0.1 seconds$"):
                await connect(stack, within=0.1)
    assert threading.active_count() == before + 1


async def test_own_name_is_not_waited_for_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookups, "NAME_TIMEOUT", 0.1)
    monkeypatch.setattr(socket, "getfqdn", lambda: threading.Event().wait())
    assert await lookups.own_name() == socket.gethostname()


async def test_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    know(monkeypatch, {NAME: [("::1", 1), ("::1", 2), ("::1", 1), ("127.0.0.1", 1), ("127.0.0.2", 1)]})
    found = [target[:2] for _, target in await lookups.resolve(NAME, 0)]
    assert found == [("::1", 1), ("127.0.0.1", 1), ("::1", 2), ("127.0.0.2", 1)]
