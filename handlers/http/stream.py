"""A client's connection: what Tornado's lacks for old clients.

A client may shut its sending side once it has sent its request, and still read its reply (RFC 9112, 9.6): Tornado
takes that for a disconnect. A real one shows at the next write. And a request that is
no HTTP is answered in the words of the API, where Tornado has none.
"""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream

if TYPE_CHECKING:
    from asyncio import Future

#: What Tornado answers to what it can't read (http1connection.py).
_TORNADOS = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class ClientStream(IOStream):
    """The stream of a connection. What it overrides of the base class is private there; tests hold that it works."""

    def __init__(self, connection: socket.socket, *, unreadable: bytes, **options: Any) -> None:
        """`unreadable` is the whole reply to what can't be read."""
        super().__init__(connection, **options)
        super().set_nodelay(True)  # Tornado's own word
        self._unreadable = unreadable
        self._has_ended = False  # the client has shut its sending side
        self._awaits_head = True  # nothing of the next request was read
        self.head_began = float("inf")  #: when the first byte of a head was read, by `time.monotonic`
        self._written = 0  # bytes since the connection began
        self._stalled: tuple[int, float] | None = None  # bytes when its client was first seen not to read, and when
        self._abandon: Callable[[], None] | None = None  # of the request in hand that was taken
        self._has_more = False  # something came while it was
        self.on_closed: Callable[[], None] = lambda: None  #: called once it is closed
        #: Called with what begins a request; whether it took it, being whole.
        self.take: Callable[[bytes], bool] = lambda _: False

    def await_head(self) -> None:
        """The next byte that is read begins a request."""
        self._awaits_head, self.head_began = True, float("inf")

    def end_head(self) -> None:
        """The head was read whole."""
        self.head_began = float("inf")

    @property
    def is_idle(self) -> bool:
        """Whether nothing of the next request was read."""
        return self._awaits_head

    def begin(self, abandon: Callable[[], None]) -> None:
        """A request was taken: read nothing before its `reply`, and call `abandon` if the connection closes first."""
        self._abandon = abandon

    def reply(self, data: bytes, *, is_last: bool) -> None:
        """Send the reply to the request that was taken, and read on; close the connection if it `is_last`."""
        self._abandon = _nobody if is_last else None
        rest = self._send(data)
        written = self.write(rest) if rest else None
        if not is_last:
            self._has_more = False
            self._add_io_state(IOLoop.READ)
        elif written is None:
            self.close()
        else:
            written.add_done_callback(lambda _: self.close())

    def _send(self, data: bytes) -> bytes:
        """Send what can be sent at once, without the buffer and the future of `write`; returns the rest."""
        if self.writing():
            return data
        try:
            return data[self.write_to_fd(memoryview(data)) :]
        except BlockingIOError:
            return data
        except OSError as error:
            self.close(exc_info=error)
            return b""

    def set_nodelay(self, value: bool) -> None:
        """Nothing: Tornado would turn it on and off for each reply."""

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
        if self._abandon is not None:
            self._abandon()

    def write(self, data: bytes | memoryview) -> "Future[None]":
        """As in the base class."""
        return super().write(self._unreadable if data == _TORNADOS else data)

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        """As in the base class, but for the end, where it says that nothing has come."""
        if self._abandon is not None:
            self._look_for_reset()
            return None
        count = super().read_from_fd(buf)
        if count and self._awaits_head:
            if not self._read_buffer and self.take(bytes(memoryview(buf)[:count])):
                return None
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
        if (self._has_ended or self._has_more) and self._state is not None and self._state & IOLoop.READ:
            # It can be read again and again.
            self._state &= ~IOLoop.READ
            self.io_loop.update_handler(self.fileno(), self._state)

    def _look_for_reset(self) -> None:
        """Raise ConnectionResetError if the client has gone; what else there is to read must wait."""
        with contextlib.suppress(BlockingIOError):
            self.socket.recv(1, socket.MSG_PEEK)
            self._has_more = True

    def _end_if_starved(self) -> None:
        """Close where something is waited for that can't come any more: the rest of a request, or the next one."""
        if self._has_ended and self.reading() and not self.closed():
            self.close()


def _nobody() -> None:
    """Nobody waits for the connection to close."""
