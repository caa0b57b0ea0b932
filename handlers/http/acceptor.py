"""Accepts connections, and pauses where that fails: a loop that tried again at once would fill disk and processor.

It also leaves some to the other processes that accept from the same socket.
"""

import logging
import socket
from asyncio import TimerHandle, get_running_loop
from collections.abc import Callable
from typing import Any

from tornado.ioloop import IOLoop

from handlers.http.connections import Connections
from jobs.monitoring.metrics import Metrics

BATCH = 128  #: connections accepted in one iteration of the event loop, as Tornado does
#: Connections accepted in one iteration by a process that has few, which pauses then. Else the first to wake would have
#: all of some clients that come together, and the one with the next two would commit their signups one by one.
SHARE = 8
FEW = 256  #: connections of a process, below which it takes its share
SHARE_PAUSE = 0.001  #: seconds
PAUSE = 1.0  #: seconds, where the system refuses
FULL_PAUSE = 0.05  #: seconds, where all connections are being answered, which mostly is over soon
LOG_INTERVAL = 60.0  #: seconds between two lines about pauses

log = logging.getLogger("faucet.http")


class Acceptor:
    """Accepts what comes to a listening socket."""

    def __init__(
        self,
        listener: socket.socket,
        serve: Callable[[socket.socket, tuple[Any, ...]], None],
        connections: Connections,
        metrics: Metrics,
    ) -> None:
        """`serve` is called with each connection for which `connections` have room."""
        self._listener = listener
        self._serve = serve
        self._connections = connections
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
        IOLoop.current().add_handler(self._listener, self._accept, IOLoop.READ)

    def _accept(self, _listener: socket.socket, _events: int) -> None:
        few = len(self._connections) < FEW
        for _ in range(min(SHARE, self._batch) if few else self._batch):
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
        if few:
            self._wait(SHARE_PAUSE)

    def _pause_full(self) -> None:
        self._pause(FULL_PAUSE)
        now = self._loop.time()
        self._full_since = self._full_since or now
        if now - self._full_since >= PAUSE:
            self._log("As many connections are being answered as may be open")

    def _pause(self, seconds: float) -> None:
        self._pauses.inc()
        self._wait(seconds)

    def _wait(self, seconds: float) -> None:
        IOLoop.current().remove_handler(self._listener)
        self._timer = self._loop.call_later(seconds, self._resume)

    def _log(self, reason: str) -> None:
        if self._loop.time() - self._logged_at >= LOG_INTERVAL:
            self._logged_at = self._loop.time()
            fields = {"reason": reason, "raise": "LimitNOFILE of the unit, or ulimit -n"}
            log.warning("no connections accepted", extra={"fields": fields})
