"""The server that the application is served by."""

import socket

from tornado.httpserver import HTTPServer

from handlers.app import make_app
from handlers.base import Parts

BACKLOG = 4096  #: connections that may wait to be taken; Tornado's 128 loses a crowd
IDLE_WITHIN = 75.0  #: seconds that a connection may stay open without a request
UNREAD_MOST = 1024 * 1024  #: bytes of a body that are read and thrown away to answer politely


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on `host` and `port`. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where a client finds what listens there."""
    name, port = listener.getsockname()[:2]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def listen(parts: Parts, listener: socket.socket) -> HTTPServer:
    """A server of the application on `listener`."""
    server = HTTPServer(
        make_app(parts),
        max_body_size=UNREAD_MOST,
        idle_connection_timeout=IDLE_WITHIN,
    )
    server.add_socket(listener)
    return server
