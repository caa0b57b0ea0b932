"""A crowd of clients takes turns, and the program's own work does not wait for it."""

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
    """Ten sockets on which something waits to be read."""
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


def admit(selector: PrioritySelector, ends: list[socket.socket], events: int = selectors.EVENT_READ) -> None:
    for end in ends:
        selector.expect(end.fileno())
        selector.register(end.fileno(), events, "guest")


def test_guests_take_turns(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    admit(selector, ends)
    seen = [[key.fd for key, _ in selector.select(0)] for _ in range(4)]
    assert [len(turn) for turn in seen] == [MAX_CLIENTS] * 4
    assert {descriptor for turn in seen for descriptor in turn} == {end.fileno() for end in ends}


def test_own_files_do_not_wait_for_guests(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    *guests, first, second = ends
    admit(selector, guests)
    for own in (first, second):
        selector.register(own.fileno(), selectors.EVENT_READ, "own")
    for _ in range(3):
        assert [key.data for key, _ in selector.select(0)] == ["own"] * 2 + ["guest"] * MAX_CLIENTS


def test_guest_is_told_what_it_asked_for(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    guest = ends[0].fileno()
    admit(selector, ends[:1], selectors.EVENT_READ | selectors.EVENT_WRITE)
    assert [events for _, events in selector.select(0)] == [selectors.EVENT_READ | selectors.EVENT_WRITE]
    changed = selector.modify(guest, selectors.EVENT_WRITE, "changed")
    assert selector.get_key(guest) == selector.get_map()[guest] == changed
    assert selector.select(0) == [(changed, selectors.EVENT_WRITE)]
    assert selector.unregister(guest) == changed
    assert selector.select(0) == []
    with pytest.raises(KeyError):
        selector.get_key(guest)


def test_file_is_no_guest_because_one_had_its_number(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    admit(selector, ends[:1])
    selector.unregister(ends[0].fileno())
    for end in ends:
        selector.register(end.fileno(), selectors.EVENT_READ, "own")
    assert len(selector.select(0)) == len(ends)


def test_guest_that_was_closed_can_be_sent_away(selector: PrioritySelector) -> None:
    """As with the library's selectors: who closes a file first leaves nothing behind."""
    near, far = socket.socketpair()
    with far:
        admit(selector, [near])
        guest = near.fileno()
        near.close()
        assert selector.unregister(guest).fd == guest
        assert guest not in selector.get_map()


def test_select_waits_for_guests_too(selector: PrioritySelector, ends: list[socket.socket]) -> None:
    """Without an event it returns when the time is over, with one at once: an idle program sleeps."""
    ends[0].recv(1)
    admit(selector, ends[:1])
    assert selector.select(0.001) == []
    near, far = socket.socketpair()
    with near, far:
        selector.expect(near.fileno())
        selector.register(near.fileno(), selectors.EVENT_READ, "guest")
        far.send(b"x")
        assert [key.fd for key, _ in selector.select(None)] == [near.fileno()]


def test_work_goes_on_while_a_crowd_is_ready(ends: list[socket.socket]) -> None:
    """Between two steps of the program not more than a few guests are served, however many are ready."""
    served: list[int] = []

    async def work() -> list[int]:
        loop = asyncio.get_running_loop()
        for end in ends:
            # Nothing is read, so that all stay ready.
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


def test_loop_speaks_through_its_transports_and_its_readers() -> None:
    """What Tornado adds by number and what asyncio's own streams add works side by side, and both can write."""

    async def converse() -> bytes:
        loop = asyncio.get_running_loop()
        near, far = socket.socketpair()
        near.setblocking(False)
        heard = asyncio.Event()
        loop.add_reader(near.fileno(), heard.set)
        _, writer = await asyncio.open_connection(sock=far)
        writer.write(b"hello")
        await heard.wait()
        loop.remove_reader(near.fileno())
        writer.close()
        with near:
            return near.recv(10)

    with asyncio.Runner(loop_factory=FairEventLoop) as runner:
        assert runner.run(converse()) == b"hello"


def test_processes_that_serve_run_on_it() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())

    run_serving(serve())
    assert [type(loop) for loop in loops] == [FairEventLoop]


def test_what_tornado_serves_are_guests() -> None:
    async def serve() -> bool:
        listener = bind("127.0.0.1", 0)
        server = HTTPServer(lambda _: None)
        server.add_socket(listener)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, FairEventLoop)
        guest = listener.fileno() in loop._of_guests._guests
        server.stop()
        return guest

    with asyncio.Runner(loop_factory=FairEventLoop) as runner:
        assert runner.run(serve())
