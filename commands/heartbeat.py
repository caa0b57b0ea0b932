"""Heartbeats: a process shows its supervisor that its event loop runs, over the socket that is its standard input."""

import asyncio
import contextlib
import os
import socket

INTERVAL = 1.0  #: seconds between two heartbeats
_BEAT = b"."


async def beat(descriptor: int) -> None:
    """Send a heartbeat over `descriptor` every INTERVAL seconds, forever. It must not block."""
    while True:
        # A supervisor that has ended, or reads nothing for minutes, is no reason to fail.
        with contextlib.suppress(OSError):
            os.write(descriptor, _BEAT)
        await asyncio.sleep(INTERVAL)


class Heart:
    """The supervisor's end: it hears the heartbeats of one process, which in turn notices when it is closed."""

    def __init__(self) -> None:
        self._socket, self.process_end = socket.socketpair()
        for end in (self._socket, self.process_end):
            end.setblocking(False)

    def heard(self) -> bool:
        """Whether there were heartbeats since the last call."""
        try:
            return bool(self._socket.recv(4096))
        except BlockingIOError:
            return False

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()
        self.process_end.close()
