"""Accepts connections, and pauses where that fails: a loop that tried again at once would fill disk and processor.

Processes that accept from the same socket are filled one after the other, and share what comes once all are.
"""

import logging
import socket
import struct
from asyncio import TimerHandle, get_running_loop
from collections.abc import Callable
from typing import Any

from tornado.ioloop import IOLoop

from handlers.http.connections import Connections
from jobs.monitoring.metrics import Metrics

BATCH = 128  #: connections accepted in one iteration of the event loop, as Tornado does
#: Connections with which a process's commits are as cheap as they get: with fewer, the next one leaves it what comes,
#: since a few of its own would cost as many commits again.
FILLED = 128
SHARE = 32  #: connections that a process takes at a time until it has twice as many
CROWD = 256  #: connections that wait, from which on nobody is left his turn: beyond BACKLOG the kernel drops them
TURN = 0.005  #: seconds that a process leaves to each of those before it, which may be busy
LAST_TURN = 4  #: which processes that are filled wait for
PAUSE = 1.0  #: seconds, where the system refuses
FULL_PAUSE = 0.05  #: seconds, where all connections are being answered, which mostly is over soon
LOG_INTERVAL = 60.0  #: seconds between two lines about pauses

_BACKLOG = struct.Struct("=24xI")  #: tcpi_unacked

log = logging.getLogger("faucet.http")


class Acceptor:
    """Accepts what comes to a listening socket."""

    def __init__(
        self,
        listener: socket.socket,
        serve: Callable[[socket.socket, tuple[Any, ...]], None],
        connections: Connections,
        metrics: Metrics,
        place: int | None,
    ) -> None:
        """`serve` is called with each connection for which `connections` have room.

        `place` is the process's own among those that accept from `listener`, from 0; None where it is alone.
        """
        self._listener = listener
        self._serve = serve
        self._connections = connections
        self._place = place
        self._filled = min(FILLED, max(1, connections.most // 2))
        self._batch = min(BATCH, max(1, connections.most // 4))  # no connection gives way before it was read from
        self._pauses = metrics.accept_pauses
        self._loop = get_running_loop()
        self._timer: TimerHandle | None = None  # while it pauses
        self._full_since: float | None = None  # event loop's time, while there is no room
        self._logged_at = float("-inf")
        self._resume()

    def stop(self) -> None:
        """Accept nothing more, and close the socket."""
        if self._timer is None:
            IOLoop.current().remove_handler(self._listener)
        else:
            self._timer.cancel()
        self._listener.close()

    def _resume(self) -> None:
        self._timer = None
        IOLoop.current().add_handler(self._listener, self._on_arrival, IOLoop.READ)

    def _on_arrival(self, _listener: socket.socket, _events: int) -> None:
        turns, most = self._share()
        if turns:
            self._wait(turns * TURN, self._take_turn)
        else:
            self._accept(most)

    def _take_turn(self) -> None:
        self._resume()
        _, most = self._share()
        self._accept(most)

    def _share(self) -> tuple[int, int]:
        """How many other processes may take first what has come, and how many of the rest are this one's."""
        count = len(self._connections)
        if self._place is None or count >= 2 * self._filled or _waiting(self._listener) >= CROWD:
            return 0, self._batch
        if count < self._filled:
            return min(self._place, LAST_TURN - 1), min(self._batch, self._filled - count)
        return LAST_TURN, min(self._batch, SHARE)

    def _accept(self, most: int) -> None:
        for _ in range(most):
            if not self._connections.make_room():
                self._pause_full()
                return
            self._full_since = None
            try:
                connection, address = self._listener.accept()
            except BlockingIOError:
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # such as no more descriptors, in this process or on the machine
                self._pause(PAUSE)
                self._log(error.strerror or str(error))
                return
            self._serve(connection, address)

    def _pause_full(self) -> None:
        self._pause(FULL_PAUSE)
        now = self._loop.time()
        self._full_since = self._full_since or now
        if now - self._full_since >= PAUSE:
            self._log("As many connections are being answered as may be open")

    def _pause(self, seconds: float) -> None:
        self._pauses.inc()
        self._wait(seconds, self._resume)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        IOLoop.current().remove_handler(self._listener)
        self._timer = self._loop.call_later(seconds, then)

    def _log(self, reason: str) -> None:
        if self._loop.time() - self._logged_at >= LOG_INTERVAL:
            self._logged_at = self._loop.time()
            fields = {"reason": reason, "raise": "LimitNOFILE of the unit, or ulimit -n"}
            log.warning("no connections accepted", extra={"fields": fields})


def _waiting(listener: socket.socket) -> int:
    """How many connections wait to be accepted (tcp_get_info in Linux's net/ipv4/tcp.c; tcp(7), struct tcp_info)."""
    return int(_BACKLOG.unpack(listener.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BACKLOG.size))[0])
