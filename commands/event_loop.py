"""The event loop of the processes that serve: a crowd at the door does not keep them from their work.

asyncio handles in one turn all that is ready. With thousands of clients ready a turn takes a second, and a drain, which
asks node and ledger a dozen things one after the other, comes forward by one of them a turn: what was accepted would
wait for ever because more comes. So the program's own files (the node's connection, threads that are done) are looked
at in every turn, but of its guests (whatever Tornado serves) only a few. The kernel lets guests take turns
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

GUESTS = 8  #: that a turn takes: a few milliseconds of signups

Event = tuple[selectors.SelectorKey, int]
Arguments = TypeVarTuple("Arguments")

_EPOLL = {
    selectors.EVENT_READ: select.EPOLLIN,
    selectors.EVENT_WRITE: select.EPOLLOUT,
    selectors.EVENT_READ | selectors.EVENT_WRITE: select.EPOLLIN | select.EPOLLOUT,
}


class PrioritySelector(selectors.EpollSelector):
    """A selector that gives all events of its files, but those of guests a few at a time."""

    def __init__(self, most: int) -> None:
        """Give `most` events of guests at a time."""
        super().__init__()
        self._most = most
        self._expected: set[int] = set()
        self._guests: dict[int, selectors.SelectorKey] = {}
        # An epoll is a file too, which is ready when one of its files is (epoll(7)).
        self._door = select.epoll()
        super().register(self._door, selectors.EVENT_READ)

    def expect(self, descriptor: int) -> None:
        """Let this file be a guest once it is registered."""
        self._expected.add(descriptor)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As in the base class."""
        if fileobj not in self._expected:
            return super().register(fileobj, events, data)
        self._door.register(fileobj, _EPOLL[events])
        self._guests[fileobj] = selectors.SelectorKey(fileobj, fileobj, events, data)
        return self._guests[fileobj]

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As in the base class."""
        if fileobj not in self._guests:
            return super().modify(fileobj, events, data)
        self._door.modify(fileobj, _EPOLL[events])
        self._guests[fileobj] = self._guests[fileobj]._replace(events=events, data=data)
        return self._guests[fileobj]

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As in the base class."""
        self._expected.discard(fileobj)
        if fileobj not in self._guests:
            return super().unregister(fileobj)
        with contextlib.suppress(OSError):  # it was closed before
            self._door.unregister(fileobj)
        return self._guests.pop(fileobj)

    def get_key(self, fileobj: Any) -> selectors.SelectorKey:
        """As in the base class."""
        return self._guests[fileobj] if fileobj in self._guests else super().get_key(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """As in the base class."""
        return ChainMap(self._guests, super().get_map())  # type: ignore[arg-type]  # it is only read

    def select(self, timeout: float | None = None) -> list[Event]:
        """As in the base class, but for guests."""
        ready = super().select(timeout)
        own = [event for event in ready if event[0].fileobj is not self._door]
        return own if len(own) == len(ready) else own + self._admit()

    def close(self) -> None:
        """As in the base class."""
        self._door.close()
        self._guests.clear()
        super().close()

    def _admit(self) -> list[Event]:
        return [_event(self._guests[descriptor], events) for descriptor, events in self._door.poll(0, self._most)]


def _event(key: selectors.SelectorKey, events: int) -> Event:
    """What the standard library makes of `events`: an error or a hangup counts as both."""
    read = selectors.EVENT_READ if events & ~select.EPOLLOUT else 0
    write = selectors.EVENT_WRITE if events & ~select.EPOLLIN else 0
    return key, (read | write) & key.events


class FairEventLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, in which files that are added by number are guests: Tornado adds all that it serves so."""

    def __init__(self, guests: int = GUESTS) -> None:
        """Take `guests` of their events in a turn at the most."""
        self._of_guests = PrioritySelector(guests)
        super().__init__(self._of_guests)

    def add_reader(self, fd: "FileDescriptorLike", callback: Callable[[*Arguments], Any], *args: *Arguments) -> None:
        """As in the base class."""
        if isinstance(fd, int):
            self._of_guests.expect(fd)
        super().add_reader(fd, callback, *args)
