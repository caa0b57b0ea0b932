"""A client's connection: what Tornado's lacks for old clients.

A client may shut its sending side once it has sent its request, and still read its reply (RFC 9112, 9.6): Tornado
takes that for a disconnect. A real one shows at the next write. And a request that is
no HTTP is answered in the words of the API, where Tornado has none.
"""

import socket
import time
from typing import TYPE_CHECKING, Any

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable

#: What Tornado answers to what it can't read (http1connection.py).
_TORNADOS = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class ClientStream(IOStream):
    """The stream of a connection. What it overrides of the base class is private there; tests hold that it works."""

    def __init__(self, connection: socket.socket, *, unreadable: bytes, **options: Any) -> None:
        """`unreadable` is the whole reply to what can't be read."""
        super().__init__(connection, **options)
        self._unreadable = unreadable
        self._has_ended = False  # the client has shut its sending side
        self._awaits_head = True  # nothing of the next request was read
        self.head_began = float("inf")  #: when the first byte of a head was read, by `time.monotonic`
        self._written = 0  # bytes since the connection began
        self._stalled: tuple[int, float] | None = None  # bytes when its client was first seen not to read, and when
        self.on_closed: Callable[[], None] = lambda: None  #: called once it is closed

    def await_head(self) -> None:
        """The next byte that is read begins a request."""
        self._awaits_head, self.head_began = True, float("inf")

    def end_head(self) -> None:
        """The head was read whole."""
        self.head_began = float("inf")

    def stalled_for(self) -> float:
        """Seconds for which the client has read nothing of what waits for it, as far as earlier calls noticed."""
        if not self.writing():
            self._stalled = None
            return 0.0
        now = time.monotonic()
        if self._stalled is None or self._stalled[0] != self._written:
            self._stalled = self._written, now
        return now - self._stalled[1]

    def write_to_fd(self, data: memoryview) -> int:
        """As in the base class."""
        count = super().write_to_fd(data)
        self._written += count
        return count

    def close_fd(self) -> None:
        """As in the base class."""
        super().close_fd()
        self.on_closed()

    def write(self, data: bytes | memoryview) -> "Future[None]":
        """As in the base class."""
        return super().write(self._unreadable if data == _TORNADOS else data)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """As in the base class, but for the end, where it says that nothing has come."""
        count = super().read_from_fd(buf)
        if count and self._awaits_head:
            self._awaits_head, self.head_began = False, time.monotonic()
        if count != 0:
            return count
        self._has_ended = True
        return None

    def _try_inline_read(self) -> None:
        super()._try_inline_read()
        self._end_if_starved()

    def _handle_events(self, fd: Any, events: int) -> None:
        super()._handle_events(fd, events)
        self._end_if_starved()
        if self._has_ended and self._state is not None and self._state & IOLoop.READ:
            # The end can be read again and again.
            self._state &= ~IOLoop.READ
            self.io_loop.update_handler(self.fileno(), self._state)

    def _end_if_starved(self) -> None:
        """Close where something is waited for that can't come any more: the rest of a request, or the next one."""
        if self._has_ended and self.reading() and not self.closed():
            self.close()
