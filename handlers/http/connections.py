"""The open connections of clients: how many there may be, and which give way.

A connection waits until it has sent a request whole. One that waits costs its client nothing, so where there is no room
for another one, the one that has waited longest is closed: whoever sends requests is always served.
"""

import logging
import resource
import time
from collections import Counter, defaultdict
from itertools import takewhile

from handlers.http.stream import ClientStream
from jobs.monitoring.metrics import Metrics

log = logging.getLogger("faucet.http")

RESERVED_FILES = 64  #: descriptors for the ledger, nodes, mails and log
MAX_OF_CLIENT = 256  #: connections of one address, proxies excepted
HEAD_TIMEOUT = 10.0  #: seconds from a request's first byte to the end of its head
IDLE_TIMEOUT = 75.0  #: seconds that a connection may stay open without a request
READ_TIMEOUT = 30.0  #: seconds in which a client must read something of the reply that waits for it
LOG_INTERVAL = 60.0  #: seconds between two lines about connections that give way

#: Why connections are closed here, as a label: all are open, one client has too many, or the client is slow.
FULL, CLIENT_FULL, SLOW = REASONS = ("full", "client", "slow")


def max_connections(files: int) -> int:
    """The connections that a process may have which may open so many `files`."""
    return max(files - RESERVED_FILES, files // 2)


class Connections:
    """The open connections of one process."""

    def __init__(self, metrics: Metrics, most: int | None = None) -> None:
        """`most` in all; by default what the process's limit of open files leaves room for."""
        self._closed = {reason: metrics.connections_closed.labels(reason=reason) for reason in REASONS}
        self._logged_at = float("-inf")
        self.most = max_connections(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) if most is None else most
        self._most_of_client = min(MAX_OF_CLIENT, max(1, self.most // 4))
        self._open: set[ClientStream] = set()
        self._waiting: dict[ClientStream, float] = {}  # since when, by `time.monotonic`, the longest wait first
        self._clients: defaultdict[str, set[ClientStream]] = defaultdict(set)
        self._carried: dict[ClientStream, str] = {}  # whose request a proxy's connection carries
        self._carried_for: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many are open."""
        return len(self._open)

    def make_room(self) -> bool:
        """Whether there is room for one more connection; closes the one that has waited longest for it."""
        if len(self._open) >= self.most and self._waiting:
            self._close(next(iter(self._waiting)), FULL)
            self._log_full()
        return len(self._open) < self.most

    def add(self, stream: ClientStream, client: str | None) -> None:
        """Add the connection of `client`, None being one whose connections are not limited.

        If the client has too many, closes the one that has waited longest, or `stream` if none waits.
        """
        self._open.add(stream)
        self._waiting[stream] = time.monotonic()
        stream.on_closed = lambda: self._remove(stream, client)
        if client is None:
            return
        siblings = self._clients[client]
        siblings.add(stream)
        if len(siblings) > self._most_of_client:
            self._close(next(waiting for waiting in self._waiting if waiting in siblings), CLIENT_FULL)

    def wait(self, stream: ClientStream) -> None:
        """`stream` waits for a request."""
        stream.await_head()
        self._end_carrying(stream)
        if stream in self._open:
            self._waiting.pop(stream, None)
            self._waiting[stream] = time.monotonic()

    def carry(self, stream: ClientStream, client: str | None) -> bool:
        """Count that `stream`, of a proxy, carries a request of `client` until it waits for the next one.

        False, and not counted, if as many others do as one client may have connections. None is this machine.
        """
        if client is None or stream not in self._open:
            return True
        if self._carried_for[client] >= self._most_of_client:
            return False
        self._carried[stream] = client
        self._carried_for[client] += 1
        return True

    def answer(self, stream: ClientStream) -> None:
        """`stream` has sent a request whole, and waits no more."""
        self._waiting.pop(stream, None)

    def close_slow(self) -> None:
        """Close those that have been sending one head for too long, or have read nothing of a reply for too long."""
        latest = time.monotonic() - HEAD_TIMEOUT
        slow = [stream for stream in self._waiting if stream.head_began < latest]
        slow += [stream for stream in self._open if stream.stalled_for() > READ_TIMEOUT]
        for stream in slow:
            self._close(stream, SLOW)

    def close_idle(self) -> None:
        """Close those on which nothing of a request came for too long."""
        latest = time.monotonic() - IDLE_TIMEOUT
        waits = takewhile(lambda wait: wait[1] < latest, self._waiting.items())
        for stream in [stream for stream, _ in waits if stream.is_idle]:
            stream.close()

    def _close(self, stream: ClientStream, reason: str) -> None:
        self._closed[reason].inc()
        stream.close()

    def _log_full(self) -> None:
        if time.monotonic() - self._logged_at >= LOG_INTERVAL:
            self._logged_at = time.monotonic()
            fields = {"most": self.most, "raise": "LimitNOFILE of the unit, or ulimit -n"}
            log.warning("as many connections as may be open, so waiting ones are closed", extra={"fields": fields})

    def _remove(self, stream: ClientStream, client: str | None) -> None:
        self._open.discard(stream)
        self._waiting.pop(stream, None)
        self._end_carrying(stream)
        if client is not None:
            self._clients[client].discard(stream)
            if not self._clients[client]:
                del self._clients[client]

    def _end_carrying(self, stream: ClientStream) -> None:
        if (client := self._carried.pop(stream, None)) is not None:
            self._carried_for[client] -= 1
            if not self._carried_for[client]:
                del self._carried_for[client]
