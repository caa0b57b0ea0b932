"""Several machines as clients see them: whoever gets no reply from one goes to the next."""

import asyncio
from itertools import count
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from tests.harness.program import HttpReply

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.harness.machines import Machine

REPLY_TIMEOUT = 10.0  #: seconds that a client waits; every reply is due within eight


class Fleet:
    """Machines, asked in turn."""

    def __init__(self) -> None:
        self.machines: Sequence[Machine] = ()
        self._turns = count()

    async def fetch(self, path: str, *, method: str = "GET", body: bytes = b"") -> HttpReply:
        """The reply of the next machine, JSON decoded. Raises OSError where there is none."""
        url = self.machines[next(self._turns) % len(self.machines)].url
        if not url:  # its last start failed
            raise ConnectionRefusedError
        place = urlsplit(url)
        head = f"{method} {path} HTTP/1.1\r\nHost: {place.netloc}\r\nContent-Length: {len(body)}\r\n\r\n"
        async with asyncio.timeout(REPLY_TIMEOUT):
            return await _exchange(str(place.hostname), place.port or 80, head.encode() + body)


async def _exchange(host: str, port: int, request: bytes) -> HttpReply:
    """A connection each: so nobody is tied to a machine that was cut off."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(request)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in lines[1:] if line)
        headers = {name.lower(): value for name, value in pairs}
        body = await reader.readexactly(int(headers["content-length"]))
    except asyncio.IncompleteReadError:
        raise ConnectionResetError from None
    finally:
        writer.close()
    return HttpReply(int(lines[0].split()[1]), headers, msgspec.json.decode(body))
