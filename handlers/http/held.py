"""Replies that are held or streamed: how many there may be at once."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from jobs.errors import Code, FaucetError

MAX_OF_CLIENT = 50  #: replies held for one address
RETRY_AFTER = 10  #: seconds


class HeldReplies:
    """The replies that one process holds or streams."""

    def __init__(self, most: int) -> None:
        """`most` in all."""
        self._most = most
        self._total = 0
        self._clients: Counter[str | None] = Counter()

    def refusal(self, client: str | None) -> FaucetError | None:
        """Why no reply may be held for `client`: `throttled` if it has too many, `overloaded` if there are in all.

        None as a client is this machine, whose replies count only in all.
        """
        if client is not None and self._clients[client] >= MAX_OF_CLIENT:
            sentence = f"At most {MAX_OF_CLIENT} replies are held for one address. Please ask without waiting."
            return FaucetError(Code.THROTTLED, sentence, retry_after=RETRY_AFTER)
        if self._total >= self._most:
            sentence = "Too many replies are held at the moment. Please ask without waiting."
            return FaucetError(Code.OVERLOADED, sentence, retry_after=RETRY_AFTER)
        return None

    @contextmanager
    def hold(self, client: str | None) -> Iterator[None]:
        """Count a reply to `client`. Raises FaucetError if there is a `refusal`."""
        if (error := self.refusal(client)) is not None:
            raise error
        self.add(client)
        try:
            yield
        finally:
            self.remove(client)

    def add(self, client: str | None) -> None:
        """Count a reply to `client`, whose `refusal` is None."""
        self._total += 1
        self._clients[client] += 1

    def remove(self, client: str | None) -> None:
        """The reply is sent."""
        self._total -= 1
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]
