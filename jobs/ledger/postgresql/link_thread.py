"""A connection's thread, whose callers wait only so long: a server that stands still holds up nobody else."""

import asyncio
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from jobs.ledger.postgresql.errors import NO_CONNECTION, PostgresqlError, unavailable
from jobs.ledger.postgresql.link import DatabaseLink
from jobs.ledger.thread import ConnectionThread

#: Seconds until a caller hears that the ledger can't serve. More than the turn is waited for; and less, by what a
#: request may take beside it, than the eight that every reply comes within.
REPLY_TIMEOUT = 6.0
#: The same once a caller has heard so, until the server answers: what asks several times must not wait each time.
STALLED_TIMEOUT = 0.5

Result = TypeVar("Result")


class LinkThread:
    """Runs one thing at a time on a connection."""

    def __init__(self, name: str, link: DatabaseLink, stalled: set[str]) -> None:
        """`stalled`: the names of those whose server does not answer, shared by all that one request may need."""
        self._name = name
        self._link = link
        self._stalled = stalled
        self._thread = ConnectionThread(name)
        self._began: float | None = None  # when the thread took up what it has in hand

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` returns. Raises FaucetError `ledger_unavailable`, and what `work` raises.

        What was begun goes on when its caller is cancelled or has waited in vain: nobody can say then how it ends. What
        was not is withdrawn in the latter case, or while it waits for a connection: so nothing piles up.
        """
        patience = STALLED_TIMEOUT if self._stalled else REPLY_TIMEOUT
        left = threading.Event()
        try:
            return await self._thread.run_within(patience, partial(self._work, work, left))
        except TimeoutError:
            left.set()
            self._stalled.add(self._name)
            self._give_up()
            raise unavailable(PostgresqlError(NO_CONNECTION)) from None

    async def close(self) -> None:
        """Close the connection once what was submitted is done; if that takes too long, whatever becomes of it."""
        dropped = self._thread.run(self._link.drop)
        await asyncio.wait([dropped], timeout=REPLY_TIMEOUT)
        if not dropped.done():
            self._link.abandon()
        await dropped
        self._thread.end()

    def _work(self, work: Callable[[], Result], left: threading.Event) -> Result:
        self._link.is_wanted = lambda: not left.is_set()
        self._began = time.monotonic()
        try:
            result = work()
        finally:
            self._began = None
        self._stalled.discard(self._name)
        return result

    def _give_up(self) -> None:
        """Leave a server that has not answered for long, so that the thread can look for one that does."""
        began = self._began
        if began is not None and time.monotonic() - began > REPLY_TIMEOUT - STALLED_TIMEOUT:
            self._link.abandon()
