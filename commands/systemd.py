"""Tells systemd how the program is (sd_notify(3)); says nothing where nobody listens."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

from jobs.errors import FaucetError

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send `state` to the socket that NOTIFY_SOCKET names, an abstract one where it begins with '@'."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
        to.connect("\0" + address[1:] if address.startswith("@") else address)
        to.send(state.encode())


async def keep_alive(check: Callable[[], Awaitable[object]], environ: Mapping[str, str] = os.environ) -> None:
    """Say at twice the wanted pace that the program is alive, as long as `check` passes; without a watchdog, return.

    A loop that hangs says nothing, and neither does one whose ledger can't be read: systemd starts it again.
    """
    wanted = environ.get("WATCHDOG_USEC")
    while wanted:
        try:
            await check()
            notify(ALIVE, environ)
        except FaucetError:
            pass
        await asyncio.sleep(int(wanted) / 1e6 / 2)
