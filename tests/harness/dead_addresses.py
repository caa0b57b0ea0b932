"""Addresses of no use: they refuse, drop packets, or accept and say nothing."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Place = tuple[str, int]  #: an address and a port
Dead = Callable[[], AbstractContextManager[Place]]


def _bound(host: str) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.bind((host, 0))
    return bound


@contextmanager
def refusing(host: str = "::1") -> Iterator[Place]:
    """A port that is bound and does not listen."""
    with _bound(host) as bound:
        yield host, bound.getsockname()[1]


@contextmanager
def dropping(host: str = "::1") -> Iterator[Place]:
    """A port whose backlog is full: the system drops whatever asks for a connection (listen(2))."""
    with _bound(host) as bound, contextlib.ExitStack() as opened:
        bound.listen(0)
        place = bound.getsockname()[:2]
        opened.enter_context(socket.create_connection(place))
        yield place


@contextmanager
def mute(host: str = "::1") -> Iterator[Place]:
    """A port where the system accepts, and no program does."""
    with _bound(host) as bound:
        bound.listen(100)
        yield bound.getsockname()[:2]


#: By what they do, with the reason that is given for each.
DEAD: dict[str, tuple[Dead, str]] = {
    "refuses": (refusing, "Connection refused"),
    "drops": (dropping, "timed out while connecting"),
    "mute": (mute, "timed out during opening handshake"),
}
