"""Looks at passwords, one at a time, and slows down those who guess."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.errors import Code, FaucetError
from jobs.settings.passwords import verify_password


@dataclass(slots=True)
class Bucket:
    """A token bucket: it holds up to `size` tokens, and gets one every `refill` seconds."""

    size: int
    refill: float
    tokens: float
    at: float  #: when it held them, seconds

    def fill(self, now: float) -> None:
        """Put in what has come since."""
        self.tokens = min(self.size, self.tokens + max(0.0, now - self.at) / self.refill)
        self.at = now

    @property
    def wait(self) -> int:
        """Seconds until it has a token."""
        return max(0, math.ceil((1 - self.tokens) * self.refill))


def of_a_client(now: float) -> Bucket:
    """What one client may guess: five times, then once a minute."""
    return Bucket(5, 60.0, 5, now)


def of_all(now: float) -> Bucket:
    """What all clients together may guess, however many addresses they have: fifty times, then every two seconds."""
    return Bucket(50, 2.0, 50, now)


class LoginLimiter:
    """Every try takes a token, and a right password puts it back, so that only failures count.

    The count is of this process alone. Who is on this machine is not held up by what others do.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._turn = asyncio.Lock()
        self._all = of_all(clock())
        self._clients: dict[str | None, Bucket] = {}  #: those that are not full; None is this machine

    async def admits(self, password: str, hashed: str, client: str | None) -> bool:
        """Whether `hashed` was made of `password`, which comes from the address `client`, None if from this machine.

        Raises FaucetError throttled after too many failures.
        """
        buckets = self._take(client)
        # The event loop goes on meanwhile, and one at a time takes one core and one share of memory at the most.
        async with self._turn:
            right = await asyncio.to_thread(verify_password, password, hashed)
        if right:
            for bucket in buckets:
                bucket.tokens += 1
        return right

    def _take(self, client: str | None) -> list[Bucket]:
        """The buckets that a token was taken from."""
        self._fill()
        own = self._clients.get(client) or of_a_client(self._clock())
        buckets = [own] if client is None else [own, self._all]
        wait = max(bucket.wait for bucket in buckets)
        if wait:
            raise FaucetError(Code.THROTTLED, f"Too many logins failed. Please wait {wait} seconds.", retry_after=wait)
        for bucket in buckets:
            bucket.tokens -= 1
        self._clients[client] = own
        return buckets

    def _fill(self) -> None:
        now = self._clock()
        for bucket in (self._all, *self._clients.values()):
            bucket.fill(now)
        # A full bucket says no more than none: only those who failed lately take memory.
        self._clients = {client: bucket for client, bucket in self._clients.items() if bucket.tokens < bucket.size}
