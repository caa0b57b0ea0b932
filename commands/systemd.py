"""Notifications to systemd (sd_notify(3)): ready, alive, stopping. Without systemd they do nothing."""

import asyncio
import logging
import os
import socket
from collections.abc import Awaitable, Callable, Mapping

from jobs.errors import FaucetError

READY = "READY=1"
STOPPING = "STOPPING=1"
ALIVE = "WATCHDOG=1"
SEND_TIMEOUT = 0.5  #: seconds that a busy systemd is waited for
MAX_INTERVAL = 1.0  #: seconds between two checks, so that most of a watchdog's interval is left for a part to recover

log = logging.getLogger("faucet.systemd")


def notify(state: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send `state` to the socket that NOTIFY_SOCKET names; '@' begins the name of an abstract one."""
    address = environ.get("NOTIFY_SOCKET")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.settimeout(SEND_TIMEOUT)
            to.connect("\0" + address[1:] if address.startswith("@") else address)
            to.send(state.encode())
    except OSError as error:
        log.warning("systemd not notified", extra={"fields": {"state": state, "reason": error}})


async def keep_alive(check: Callable[[], Awaitable[object]], environ: Mapping[str, str] = os.environ) -> None:
    """Notify at least twice per watchdog interval, as long as `check` passes; return at once without a watchdog.

    A hanging loop, a hanging process or a ledger that can't be read sends nothing, so systemd restarts the program.
    """
    interval = environ.get("WATCHDOG_USEC")
    while interval:
        try:
            await check()
            notify(ALIVE, environ)
        except FaucetError:
            pass
        await asyncio.sleep(min(int(interval) / 1e6 / 2, MAX_INTERVAL))
