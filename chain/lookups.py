"""Calls of the system's resolver, which may block for minutes: in threads that nothing waits for.

The event loop's own threads are few, and are joined when the program stops: a name server that does not answer would
occupy them all, and delay the end.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from itertools import chain, zip_longest
from typing import Any

MAX_ADDRESSES = 16  #: of a host, that are tried
NAME_TIMEOUT = 2.0  #: seconds that this machine's own name may take

Address = tuple[socket.AddressFamily, tuple[Any, ...]]  #: a family, and what a socket of it connects to


class _Calls:
    """Calls in hand, each in a daemon thread; who asks for the same meanwhile shares it, so that none pile up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_hand: dict[Hashable, Future[Any]] = {}

    def start(self, key: Hashable, function: Callable[[], Any]) -> Future[Any]:
        """The future result of `function`, or of the call with the same `key` in hand."""
        with self._lock:
            if key in self._in_hand:
                return self._in_hand[key]
            future = self._in_hand[key] = Future()
        future.set_running_or_notify_cancel()  # a waiter that gives up does not cancel it
        threading.Thread(target=self._run, args=(key, function, future), daemon=True, name="lookup").start()
        return future

    def _run(self, key: Hashable, function: Callable[[], Any], future: Future[Any]) -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001  # it is the waiter's
            self._forget(key)
            future.set_exception(error)
        else:
            self._forget(key)
            future.set_result(result)

    def _forget(self, key: Hashable) -> None:
        with self._lock:
            del self._in_hand[key]


_calls = _Calls()


async def resolve(host: str, port: int) -> Sequence[Address]:
    """The addresses of `host`, families in turn, each once, MAX_ADDRESSES at most.

    Raises OSError (socket.gaierror) or UnicodeError. It may take minutes: bound it.
    """
    try:
        found = _getaddrinfo(host, port, socket.AI_NUMERICHOST)
    except OSError:  # it is a name
        future = _calls.start(("address", host, port), lambda: _getaddrinfo(host, port, 0))
        found = await asyncio.wrap_future(future)
    by_family: dict[socket.AddressFamily, list[Address]] = {}
    for family, target in found:
        by_family.setdefault(family, []).append((family, target))
    in_turn = chain.from_iterable(zip_longest(*by_family.values()))
    return list(dict.fromkeys(each for each in in_turn if each is not None))[:MAX_ADDRESSES]


async def own_name() -> str:
    """This machine's name for mail servers, qualified if that is known within NAME_TIMEOUT."""
    try:
        async with asyncio.timeout(NAME_TIMEOUT):
            name: str = await asyncio.wrap_future(_calls.start("own name", socket.getfqdn))
    except TimeoutError:
        return socket.gethostname()
    return name


def _getaddrinfo(host: str, port: int, flags: int) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, target) for family, _, _, _, target in found]
