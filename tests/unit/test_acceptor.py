"""How processes that accept from one socket share what comes."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest

from handlers.http.acceptor import FEW, Acceptor
from handlers.http.connections import Connections
from handlers.http.stream import ClientStream
from handlers.server import bind
from jobs.monitoring.metrics import Metrics


class Process:
    """What one of them has."""

    def __init__(self, listener: socket.socket, accepted: asyncio.Semaphore) -> None:
        self.connections = Connections(Metrics())
        self._accepted = accepted
        self._streams: list[ClientStream] = []
        self._acceptor = Acceptor(listener, self._serve, self.connections, Metrics())

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


async def shares(listener: socket.socket, clients: int, processes: int) -> list[int]:
    """How many of so many clients that came together each process has, once they have all."""
    accepted = asyncio.Semaphore(0)
    with contextlib.ExitStack() as opened:
        for _ in range(clients):
            opened.enter_context(socket.create_connection(listener.getsockname()))
        started = [Process(listener.dup(), accepted) for _ in range(processes)]
        for process in started:
            opened.callback(process.stop)
        for _ in range(clients):
            await accepted.acquire()
        return [len(process.connections) for process in started]


async def test_clients_that_come_together_are_shared(listener: socket.socket) -> None:
    assert await shares(listener, 64, 2) == [32, 32]


async def test_those_that_are_left_over_are_served(listener: socket.socket) -> None:
    assert sorted(await shares(listener, 21, 2)) == [8, 13]


async def test_one_process_takes_all(listener: socket.socket) -> None:
    assert await shares(listener, FEW + 10, 1) == [FEW + 10]
