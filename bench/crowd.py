"""Signups that come all at once: `python -m bench.crowd URL KEYS TAG SOURCE FIRST COUNT`.

Opens so many connections from the address SOURCE, says `open`, waits for a line, sends a signup on each, and writes
a line of JSON once each is answered. Plain sockets and epoll: a client must cost less than the server.
"""

import json
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

ANSWER_TIMEOUT = 300.0  #: seconds that an answer may take
READ = 65536


@dataclass(slots=True)
class Client:
    """One connection and its signup."""

    connection: socket.socket
    request: bytes
    sent_at: float = 0.0
    reply: bytes = b""

    def send(self) -> None:
        """Send the signup: it fits into the socket's buffer."""
        self.sent_at = time.monotonic()
        self.connection.sendall(self.request)

    def receive(self) -> int | None:
        """The status once the reply is whole; 0 if the connection ended before."""
        try:
            piece = self.connection.recv(READ)
        except OSError:
            return 0
        self.reply += piece
        if is_whole(self.reply):
            return int(self.reply[9:12])
        return None if piece else 0


def is_whole(reply: bytes) -> bool:
    """Whether head and body of a reply are there."""
    head, end, body = reply.partition(b"\r\n\r\n")
    if not end:
        return False
    lines = head.lower().split(b"\r\n")
    return len(body) >= sum(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


def connect(url: str, source: str, requests: list[bytes]) -> list[Client]:
    """A connection from `source` for each request. Raises OSError."""
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or 80)
    return [Client(socket.create_connection(address, 60, (source, 0)), request) for request in requests]


def make_requests(url: str, keys: list[str], tag: str, numbers: range) -> list[bytes]:
    """A valid signup for each number."""
    head = f"POST /api/v1/accounts HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\nContent-Type: application/json\r\n"
    return [
        _request(head, f"{tag}-{number}", [keys[(number * 3 + role) % len(keys)] for role in range(3)])
        for number in numbers
    ]


def _request(head: str, name: str, keys: list[str]) -> bytes:
    roles = dict(zip(("owner_key", "active_key", "memo_key"), keys, strict=True))
    body = msgspec.json.encode({"account": {"name": name, **roles}})
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def converse(clients: list[Client]) -> dict[str, object]:
    """Send all, read all: answers by status, seconds to each, and when the last came by the machine's clock."""
    poll = select.epoll()
    waiting = {client.connection.fileno(): client for client in clients}
    for number in waiting:
        poll.register(number, select.EPOLLIN)
    for client in clients:
        client.send()
    statuses: Counter[int] = Counter()
    seconds = []
    last = time.monotonic()
    while waiting and (ready := poll.poll(ANSWER_TIMEOUT)):
        last = time.monotonic()
        for number, _ in ready:
            status = waiting[number].receive()
            if status is not None:
                poll.unregister(number)
                statuses[status] += 1
                seconds.append(last - waiting.pop(number).sent_at)
    statuses[0] += len(waiting)
    return {"statuses": statuses, "seconds": seconds, "last": last}


def main(url: str, keys: str, tag: str, source: str, first: str, count: str) -> None:  # noqa: PLR0917  # as typed
    """Connect, wait for the word, send, tell."""
    requests = make_requests(url, Path(keys).read_text().split(), tag, range(int(first), int(first) + int(count)))
    clients = connect(url, source, requests)
    print("open", flush=True)
    sys.stdin.readline()
    print(json.dumps(converse(clients)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
