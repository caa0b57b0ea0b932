"""Client connections share the event loop fairly, and never starve the program's own work."""

import asyncio
import contextlib
import selectors
import socket
from collections.abc import Iterator

import pytest
from tornado.httpserver import HTTPServer

from commands.event_loop import FairEventLoop, PrioritySelector
from commands.processes import run_serving
from handlers.server import bind

MAX_CLIENTS = 3


@pytest.fixture
def ends() -> Iterator[list[socket.socket]]:
    """Ten sockets with a byte to read."""
    with contextlib.ExitStack() as opened:
        pairs = [socket.socketpair() for _ in range(10)]
        for pair in pairs:
            for end in pair:
                opened.enter_context(end)
        for near, far in pairs:
            near.setblocking(False)
            far.send(b"x")
        yield [near for near, _ in pairs]


@pytest.fixture
def selector() -> Iterator[PrioritySelector]:
    with contextlib.closing(PrioritySelector(MAX_CLIENTS)) as made:
        yield made


def register_clients(selector: PrioritySelector, ends: list[socket.socket], events: int = selectors.EVENT_READ) -> None:
    for end in ends:
        selector.expect_client(end.fileno())
        selector.register(end.fileno(), events, "client")


def test_clients_are_selected_round_robin(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    register_clients(selector, ends)
    rounds = [[key.fd for key, _ in selector.select(0)] for _ in range(4)]
    assert [len(descriptors) for descriptors in rounds] == [MAX_CLIENTS] * 4
    assert {descriptor for descriptors in rounds for descriptor in descriptors} == {end.fileno() for end in ends}


def test_own_files_do_not_wait_for_clients(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    *clients, first, second = ends
    register_clients(selector, clients)
    for own in (first, second):
        selector.register(own.fileno(), selectors.EVENT_READ, "own")
    for _ in range(3):
        assert [key.data for key, _ in selector.select(0)] == ["own"] * 2 + ["client"] * MAX_CLIENTS


def test_client_gets_the_events_it_registered_for(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    client = ends[0].fileno()
    register_clients(selector, ends[:1], selectors.EVENT_READ | selectors.EVENT_WRITE)
    assert [events for _, events in selector.select(0)] == [selectors.EVENT_READ | selectors.EVENT_WRITE]
    modified = selector.modify(client, selectors.EVENT_WRITE, "modified")
    assert selector.get_key(client) == selector.get_map()[client] == modified
    assert selector.select(0) == [(modified, selectors.EVENT_WRITE)]
    assert selector.unregister(client) == modified
    assert selector.select(0) == []
    with pytest.raises(KeyError):
        selector.get_key(client)


def test_reused_descriptor_is_not_taken_for_a_client(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    register_clients(selector, ends[:1])
    selector.unregister(ends[0].fileno())
    for end in ends:
        selector.register(end.fileno(), selectors.EVENT_READ, "own")
    assert len(selector.select(0)) == len(ends)


def test_closed_client_can_be_unregistered(selector: PrioritySelector) -> None:
    """As with the standard library's selectors, a file may be closed before it is unregistered."""
    near, far = socket.socketpair()
    with far:
        register_clients(selector, [near])
        client = near.fileno()
        near.close()
        assert selector.unregister(client).fd == client
        assert client not in selector.get_map()


def test_select_blocks_until_a_client_is_ready(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    """Without an event it returns at the timeout, with one at once: an idle program uses no processor time."""
    ends[0].recv(1)
    register_clients(selector, ends[:1])
    assert selector.select(0.001) == []
    near, far = socket.socketpair()
    with near, far:
        selector.expect_client(near.fileno())
        selector.register(near.fileno(), selectors.EVENT_READ, "client")
        far.send(b"x")
        assert [key.fd for key, _ in selector.select(None)] == [near.fileno()]


def test_iteration_serves_few_of_many_ready_clients(ends: list[socket.socket]) -> None:
    served: list[int] = []

    async def work() -> list[int]:
        loop = asyncio.get_running_loop()
        for end in ends:
            # Nothing is read, so all stay ready.
            loop.add_reader(end.fileno(), served.append, end.fileno())
        counts = []
        for _ in range(5):
            before = len(served)
            await asyncio.sleep(0)
            counts.append(len(served) - before)
        for end in ends:
            loop.remove_reader(end.fileno())
        return counts

    with asyncio.Runner(loop_factory=lambda: FairEventLoop(MAX_CLIENTS)) as runner:
        assert max(runner.run(work())) == MAX_CLIENTS


def test_loop_serves_streams_beside_clients() -> None:
    """asyncio's own streams work beside the descriptors that Tornado adds, and both can write."""

    async def converse() -> bytes:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        near.setblocking(False)
        readable = asyncio.Event()
        loop.add_reader(near.fileno(), readable.set)
        _, writer = await asyncio.open_connection(sock=far)
        writer.write(b"hello")
        await readable.wait()
        loop.remove_reader(near.fileno())
        writer.close()
        with near:
            return near.recv(10)

    with asyncio.Runner(loop_factory=FairEventLoop) as runner:
        assert runner.run(converse()) == b"hello"


def test_serving_processes_run_the_fair_loop() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())

    run_serving(serve(), chain=True)
    assert [type(loop) for loop in loops] == [FairEventLoop]


def test_tornados_listener_is_a_client() -> None:
    async def serve() -> bool:
        listener = bind("127.0.0.1", 0)
        server = HTTPServer(lambda _: None)
        server.add_socket(listener)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FairEventLoop)
        is_client = listener.fileno() in loop._priority_selector._clients
        server.stop()
        return is_client

    with asyncio.Runner(loop_factory=FairEventLoop) as runner:
        assert runner.run(serve())
