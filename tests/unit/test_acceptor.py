"""Which of the processes that accept from one socket take what comes."""

import asyncio
import contextlib
import socket
from collections.abc import Iterable, Iterator

import pytest

from handlers.http.acceptor import CROWD, FILLED, Acceptor
from handlers.http.connections import Connections
from handlers.http.stream import ClientStream
from handlers.server import bind
from jobs.monitoring.metrics import Metrics


class Process:
    """What one of them has."""

    def __init__(
        self, listener: socket.socket, accepted: asyncio.Semaphore, place: int | None, most: int | None
    ) -> None:
        self.connections = Connections(Metrics(), most)
        self._accepted = accepted
        self._streams: list[ClientStream] = []
        self._acceptor = Acceptor(listener, self._serve, self.connections, Metrics(), place)

    def _serve(self, connection: socket.socket, _address: object) -> None:
        self._streams.append(ClientStream(connection, unreadable=b""))
        self.connections.add(self._streams[-1], None)
        self._accepted.release()

    def stop(self) -> None:
        self._acceptor.stop()
        for stream in self._streams:
            stream.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with bind("127.0.0.1", 0) as opened:
        yield opened


async def shares(
    listener: socket.socket, clients: int, places: Iterable[int | None], most: int | None = None
) -> list[int]:
    """How many of so many clients that came together each process has, once they have all."""
    accepted = asyncio.Semaphore(0)
    with contextlib.ExitStack() as opened:
        for _ in range(clients):
            opened.enter_context(socket.create_connection(listener.getsockname()))
        started = [Process(listener.dup(), accepted, place, most) for place in places]
        for process in started:
            opened.callback(process.stop)
        for _ in range(clients):
            await accepted.acquire()
        return [len(process.connections) for process in started]


@pytest.mark.parametrize("places", [(0, 1), (1, 0), (0, 1, 2)])
async def test_few_clients_are_one_process_s(listener: socket.socket, places: tuple[int, ...]) -> None:
    assert await shares(listener, 64, places) == [64 if place == 0 else 0 for place in places]


async def test_process_that_is_filled_leaves_what_comes_to_the_next(listener: socket.socket) -> None:
    assert await shares(listener, FILLED + 10, (0, 1)) == [FILLED, 10]


async def test_processes_that_are_filled_share_what_comes(listener: socket.socket) -> None:
    assert await shares(listener, 2 * FILLED + 64, (0, 1)) == [FILLED + 32, FILLED + 32]


async def test_crowd_is_taken_at_once_by_whoever_comes(listener: socket.socket) -> None:
    """The kernel keeps few of those that nobody has accepted, and clients try again after seconds."""
    assert min(await shares(listener, 2 * CROWD, (1, 0))) >= FILLED


async def test_what_the_first_does_not_take_is_served(listener: socket.socket) -> None:
    """It may hang, or be started again."""
    assert await shares(listener, 21, (1,)) == [21]
    assert sum(await shares(listener, 21, (5, 6))) == 21


async def test_one_process_takes_all(listener: socket.socket) -> None:
    assert await shares(listener, 3 * FILLED, (None,)) == [3 * FILLED]


async def test_process_with_room_for_few_is_filled_by_fewer(listener: socket.socket) -> None:
    assert await shares(listener, 30, (0, 1), most=40) == [20, 10]
