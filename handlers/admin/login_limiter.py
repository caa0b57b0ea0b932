"""Verifies passwords, one at a time, and limits failed logins by client and in all."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.errors import Code, FaucetError
from jobs.settings.passwords import verify_password


@dataclass(slots=True)
class Bucket:
    """A token bucket: it holds up to `size` tokens and gains one every `refill` seconds."""

    size: int
    refill: float
    tokens: float
    at: float  #: when it held them, seconds since 1970

    def refill_until(self, now: float) -> None:
        """Add the tokens gained since `at`."""
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) / self.refill)
        self.at = now

    @property
    def wait(self) -> int:
        """Seconds until it has a token, 0 if it has one."""
        return max(0, math.ceil((1 - self.tokens) * self.refill))


def client_bucket(now: float) -> Bucket:
    """The failures that one client may have: five, then one a minute."""
    return Bucket(5, 60.0, 5, now)


def shared_bucket(now: float) -> Bucket:
    """The failures that all clients may have together: fifty, then one every two seconds."""
    return Bucket(50, 2.0, 50, now)


class LoginLimiter:
    """Each attempt takes a token and the right password returns it, so only failures count.

    Each process counts for itself. Clients on this machine are not subject to the shared limit.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._all = shared_bucket(clock())
        self._clients: dict[str | None, Bucket] = {}  #: the buckets that are not full; None is this machine

    async def admits(self, password: str, hashed: str, client: str | None) -> bool:
        """Whether `hashed` is a hash of `password`, sent from the address `client` (None: from this machine).

        Raises FaucetError `throttled` after too many failures.
        """
        buckets = self._take(client)
        # In a thread, so the event loop runs on; one at a time, so logins take one core and 64 MiB at most.
        async with self._lock:
            right = await asyncio.to_thread(verify_password, password, hashed)
        if right:
            for bucket in buckets:
                bucket.tokens += 1
        return right

    def _take(self, client: str | None) -> list[Bucket]:
        """The buckets from which it took a token. Raises FaucetError `throttled` if one is empty."""
        self._refill()
        own = self._clients.get(client) or client_bucket(self._clock())
        buckets = [own] if client is None else [own, self._all]
        wait = max(bucket.wait for bucket in buckets)
        if wait:
            raise FaucetError(Code.THROTTLED, f"Too many logins failed. Please wait {wait} seconds.", retry_after=wait)
        for bucket in buckets:
            bucket.tokens -= 1
        self._clients[client] = own
        return buckets

    def _refill(self) -> None:
        now = self._clock()
        for bucket in (self._all, *self._clients.values()):
            bucket.refill_until(now)
        # A full bucket is as good as none, so only recent failures take memory.
        self._clients = {client: bucket for client, bucket in self._clients.items() if bucket.tokens < bucket.size}
