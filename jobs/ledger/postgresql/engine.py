"""The ledger in PostgreSQL: one connection that writes and one that reads, each in a thread of its own."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from psycopg.rows import DictRow

from jobs.ledger.errors import LedgerError
from jobs.ledger.moved import why_unused
from jobs.ledger.postgresql import turn
from jobs.ledger.postgresql.connection import Connection
from jobs.ledger.postgresql.database import CURRENT, check_version, prepare, too_new, unfit
from jobs.ledger.postgresql.errors import translated
from jobs.ledger.postgresql.link import DatabaseLink, Session
from jobs.ledger.postgresql.link_thread import LinkThread
from jobs.ledger.postgresql.rows import fetched, items_of
from jobs.ledger.sql import Query
from jobs.ledger.store import Turn

#: Every transaction that was running is in it, so it is another one after each commit, whoever made it.
VERSION = "SELECT hashtextextended(CAST(pg_current_snapshot() AS TEXT), 0) AS version"

Item = TypeVar("Item")
Result = TypeVar("Result")


class PostgresqlEngine:
    """One transaction at a time, of all machines."""

    def __init__(self, url: str, clock: Callable[[], float] | None, *, read_only: bool = False) -> None:
        """With a `clock`, that is the time, instead of the server's."""
        self._writer = DatabaseLink(url)
        self._reader = DatabaseLink(url)
        stalled: set[str] = set()
        self._thread = LinkThread("ledger", self._writer, stalled)
        self._reading = LinkThread("ledger reader", self._reader, stalled)
        self._clock = clock
        self._read_only = read_only
        self._ahead = 0  #: milliseconds that the server's clock was ahead of this machine's in the last turn
        self._closed = False

    @classmethod
    async def open(cls, url: str, clock: Callable[[], float] | None) -> "PostgresqlEngine":
        """The ledger in the database at `url`, made or migrated as needed. Raises LedgerError."""
        await asyncio.to_thread(prepare, url)
        return cls(url, clock)

    @classmethod
    async def open_to_read(cls, url: str, clock: Callable[[], float] | None) -> "PostgresqlEngine":
        """The ledger at `url` as it is: neither made nor migrated, and nothing can be written. Raises LedgerError.

        An older one, or none yet, raises OldLedgerError.
        """
        await asyncio.to_thread(check_version, url)
        return cls(url, clock, read_only=True)

    def now(self) -> int:
        """Milliseconds since 1970, UTC, by the server's clock as the last turn showed it."""
        return _milliseconds(time.time) + self._ahead if self._clock is None else _milliseconds(self._clock)

    async def run(self, step: Callable[[Connection, Turn], Result]) -> Result:
        """What `step` returns, run as one transaction: on disk when this returns, undone when it raises.

        A caller that is cancelled does not undo it. Raises FaucetError `ledger_unavailable`, also where nobody can say
        whether it was done, ConstraintError, and what `step` raises.
        """
        return await self._thread.run(partial(self._transact, step))

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[DictRow]:
        """The rows of a query, as they are after the last commit. Raises FaucetError `ledger_unavailable`."""
        return await self._reading.run(partial(self._read, sql, parameters))

    async def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns, as it is after the last commit. Raises FaucetError `ledger_unavailable`."""
        return items_of(query, await self.read(query.sql, parameters))

    async def version(self) -> int:
        """A number that changes with every commit."""
        return int((await self.read(VERSION))[0]["version"])

    async def unfit(self) -> str | None:
        """Why the server may forget what it confirms. Raises FaucetError `ledger_unavailable`."""
        return await self._reading.run(self._unfit)

    def misplaced(self) -> str | None:
        """None: a database is where it is."""
        return None

    def log_size(self) -> int:
        """0: the server sees to its log."""
        return 0

    async def truncate_log(self) -> bool:
        """True: the server sees to its log."""
        return True

    async def rescue(self) -> None:
        """Nothing: what was committed is in the database."""

    async def close(self) -> None:
        """Finish the transaction in hand, if the server answers, then close. A second call does nothing."""
        if not self._closed:
            self._closed = True
            await asyncio.gather(self._thread.close(), self._reading.close())

    def _transact(self, step: Callable[[Connection, Turn], Result]) -> Result:
        with translated():
            session, at = self._writer.use(self._begin)
            try:
                result = step(Connection(session), at)
            except BaseException as error:
                self._writer.undo(error)
                raise
            self._writer.commit(session)
        return result

    def _begin(self, session: Session) -> tuple[Session, Turn]:
        if self._read_only:
            raise LedgerError("the ledger was opened to read it")
        row = turn.begin(session)
        if row["version"] > CURRENT:
            raise too_new(row["version"])
        if (refusal := why_unused(row["moved_to"], row["moving_from"])) is not None:
            raise refusal
        self._ahead = row["now"] - _milliseconds(time.time)
        return session, Turn(row["now"] if self._clock is None else self.now(), row["epoch"])

    def _unfit(self) -> str | None:
        with translated():
            return self._reader.use(unfit)

    def _read(self, sql: str, parameters: Sequence[Any]) -> list[DictRow]:
        with translated():
            return self._reader.use(lambda session: fetched(session, sql, parameters))


def _milliseconds(clock: Callable[[], float]) -> int:
    return int(clock() * 1000)
