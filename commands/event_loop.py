"""The event loop of the processes that serve HTTP: client connections can't starve the program's own work.

Each iteration of asyncio's loop runs every ready callback. With thousands of clients ready an iteration takes a second,
and a drain, which awaits the node and the ledger a dozen times in a row, needs a dozen of them: accepted signups would
wait for as long as new ones arrive. So every iteration polls all of the program's own files (the node's connection, the
wakeup of threads), but only a few client connections (everything Tornado serves). The kernel makes that fair
(epoll_wait(2): "successive calls will round robin").
"""

import asyncio
import contextlib
import select
import selectors
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVarTuple

if TYPE_CHECKING:
    from _typeshed import FileDescriptorLike

MAX_CLIENTS = 8  #: events of client connections in one iteration, beside the chain's owner: a millisecond of signups
MAX_CLIENTS_ALONE = 64  #: … without him, since each iteration costs as much as a tenth of a signup

Event = tuple[selectors.SelectorKey, int]
Arguments = TypeVarTuple("Arguments")

_EPOLL = {
    selectors.EVENT_READ: select.EPOLLIN,
    selectors.EVENT_WRITE: select.EPOLLOUT,
    selectors.EVENT_READ | selectors.EVENT_WRITE: select.EPOLLIN | select.EPOLLOUT,
}


class PrioritySelector(selectors.EpollSelector):
    """A selector that returns all ready files, but no more than `max_clients` client connections at a time."""

    def __init__(self, max_clients: int) -> None:
        super().__init__()
        self._max_clients = max_clients
        self._expected: set[int] = set()
        self._clients: dict[int, selectors.SelectorKey] = {}
        # An epoll instance can be polled itself: it is ready when one of its files is (epoll(7)).
        self._client_epoll = select.epoll()
        super().register(self._client_epoll, selectors.EVENT_READ)

    def expect_client(self, descriptor: int) -> None:
        """Treat this file as a client connection once it is registered."""
        self._expected.add(descriptor)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if fileobj not in self._expected:
            return super().register(fileobj, events, data)
        self._client_epoll.register(fileobj, _EPOLL[events])
        self._clients[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return self._clients[fileobj]

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if fileobj not in self._clients:
            return super().modify(fileobj, events, data)
        self._client_epoll.modify(fileobj, _EPOLL[events])
        self._clients[fileobj] = self._clients[fileobj]._replace(events=events, data=data)
        return self._clients[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        self._expected.discard(fileobj)
        if fileobj not in self._clients:
            return super().unregister(fileobj)
        with contextlib.suppress(OSError):  # it may be closed already
            self._client_epoll.unregister(fileobj)
        return self._clients.pop(fileobj)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        return self._clients[fileobj] if fileobj in self._clients else super().get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return ChainMap(self._clients, super().get_map())  # type: ignore[arg-type]  # it is only read

    def select(self, timeout: float | None = None) -> list[Event]:
        ready = super().select(timeout)
        own = [event for event in ready if event[0].fileobj is not self._client_epoll]
        return own if len(own) == len(ready) else own + self._client_events()

    def close(self) -> None:
        self._client_epoll.close()
        self._clients.clear()
        super().close()

    def _client_events(self) -> list[Event]:
        ready = self._client_epoll.poll(0, self._max_clients)
        return [_event(self._clients[descriptor], events) for descriptor, events in ready]


def _event(key: selectors.SelectorKey, events: int) -> Event:
    """Translate epoll's `events` as the standard library does: an error or a hangup is both readable and writable."""
    read = selectors.EVENT_READ if events & ~select.EPOLLOUT else 0
    write = selectors.EVENT_WRITE if events & ~select.EPOLLIN else 0
    return key, (read | write) & key.events


class FairEventLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on a `PrioritySelector`.

    Files added by number are client connections: Tornado adds everything it serves that way, asyncio adds nothing so.
    """

    def __init__(self, max_clients: int = MAX_CLIENTS) -> None:
        self._priority_selector = PrioritySelector(max_clients)
        super().__init__(self._priority_selector)

    def add_reader(self, fd: "FileDescriptorLike", callback: Callable[[*Arguments], Any], *args: *Arguments) -> None:
        if isinstance(fd, int):
            self._priority_selector.expect_client(fd)
        super().add_reader(fd, callback, *args)
