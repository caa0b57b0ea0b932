"""The HTTP server: its socket, its limits, and the reply to what is not HTTP."""

import socket
from functools import partial
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import PeriodicCallback

from handlers.app import make_app
from handlers.base import AppContext
from handlers.http.acceptor import Acceptor
from handlers.http.client import connection_key
from handlers.http.errors import STATUS, error_of_status, error_reply
from handlers.http.headers import JSON, base_headers, cors_headers, reply_bytes
from handlers.http.stream import ClientStream
from handlers.replies import encode_json
from handlers.whole_signups import WholeSignups

BACKLOG = 4096  #: connections that the kernel queues; with Tornado's 128 a crowd loses some
SWEEP_INTERVAL = 1.0  #: seconds between two looks for clients that are slow or idle
#: bytes that are read of a connection at once: room for a signup, and Tornado clears as many before each read
CHUNK = 16 * 1024
MAX_UNREAD = 1024 * 1024  #: bytes of an oversized body that are read and dropped so that the client gets its reply


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on `host` and `port`; on `::`, all addresses, for IPv4 too. Raises OSError."""
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = host == "::" and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL of `listener`."""
    name, port = listener.getsockname()[:2]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


class Server(HTTPServer):
    """Tornado's server, with `ClientStream` connections that give way to others."""

    def accept_from(self, listener: socket.socket, context: AppContext, place: int | None) -> None:
        """Serve what comes to `listener`, from which other processes accept too if this one has a `place`."""
        self._context = context
        self._whole_signups = WholeSignups(context)
        self._acceptor = Acceptor(listener, self._serve, context.connections, context.metrics, place)
        self._sweeper = PeriodicCallback(self._sweep, SWEEP_INTERVAL * 1000)
        self._sweeper.start()

    def stop(self) -> None:
        """As in the base class."""
        super().stop()
        self._acceptor.stop()
        self._sweeper.stop()

    def _sweep(self) -> None:
        self._context.connections.close_slow()
        self._context.connections.close_idle()

    def _serve(self, connection: socket.socket, address: tuple[Any, ...]) -> None:
        context = self._context
        stream = ClientStream(connection, unreadable=unreadable(context), read_chunk_size=CHUNK)
        stream.take = partial(self._whole_signups.take, stream, address[0])
        context.connections.add(stream, connection_key(address[0], context.settings.trusted_proxies))
        if not stream.closed():
            self.handle_stream(stream, address)


def unreadable(context: AppContext) -> bytes:
    """The reply to a request that is not HTTP, after which the connection closes."""
    error = error_of_status(400)
    assert error is not None  # noqa: S101  # it is in the table; for the types
    status, body = STATUS[error.code], encode_json(error_reply(error))
    headers = {
        **base_headers(context.random_id()),
        **JSON,
        **cors_headers(context.settings, None),
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    return reply_bytes(status, headers, body)


def listen(context: AppContext, listener: socket.socket, place: int | None = None) -> Server:
    """A server of the application on `listener`, with its `place` among the processes that accept from it."""
    server = Server(make_app(context), max_body_size=MAX_UNREAD)
    server.conn_params.header_timeout = None  # a timer for each request; `Connections` looks after all of them
    server.accept_from(listener, context, place)
    return server
