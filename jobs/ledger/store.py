"""What is under every part of the ledger: write transactions, reads, the clock, and the watches on jobs."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from jobs.ledger.changes import Changes
from jobs.ledger.errors import DeposedError
from jobs.ledger.sql import Query

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Jobs that one write transaction of the chain's owner moves, where it may be several as well: signups wait meanwhile.
MAX_JOBS = 500


def parts_of(items: Iterable[Item], weight: Callable[[Item], int], maximum: int) -> Iterator[list[Item]]:
    """`items` in their order, in lists that weigh up to `maximum` together, or are of one item."""
    part: list[Item] = []
    total = 0
    for item in items:
        if part and total + weight(item) > maximum:
            yield part
            part, total = [], 0
        part.append(item)
        total += weight(item)
    if part:
        yield part


class Row(Protocol):
    """A row of a query, by the names of its columns."""

    def __getitem__(self, column: str, /) -> Any: ...


class Connection(Protocol):
    """What an engine lends a write transaction."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows that a statement returns."""

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each of `parameters`."""

    def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns."""

    def unfit(self) -> str | None:
        """Why the database may forget what this transaction writes, though it confirms it; None where it keeps it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What the engine reads first in each write transaction, while no other one runs."""

    now: int  #: milliseconds since 1970, UTC
    epoch: int  #: number of the last owner of the chain


class Engine(Protocol):
    """A database that can hold the ledger. All methods raise FaucetError `ledger_unavailable` where it can't serve."""

    async def run(self, step: Callable[[Connection, Turn], Result]) -> Result:
        """What `step` returns, given the connection and the turn, run as one write transaction.

        It is on disk when this returns, undone when it raises: ConstraintError, or what `step` raises. A caller that
        is cancelled does not undo it.
        """

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows of a query, as they are after the last commit."""

    async def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns, as it is after the last commit."""

    async def version(self) -> int:
        """A number that changes with every commit."""

    def now(self) -> int:
        """Milliseconds since 1970, UTC."""

    async def unfit(self) -> str | None:
        """Why the database may forget what it confirms; None where it keeps it."""

    def misplaced(self) -> str | None:
        """The sentence if what is committed would be lost, since the database is not where it was opened."""

    def log_size(self) -> int:
        """Bytes of what was committed, but is not in the database's file yet."""

    async def truncate_log(self) -> bool:
        """Leave no copy of what was deleted there; whether that could be done, as no reader needs it."""

    async def rescue(self) -> None:
        """Bring what was committed into the file that was opened, if that is still the ledger."""

    async def close(self) -> None:
        """Finish the transaction in hand, then close. A second call does nothing."""


@dataclass(frozen=True, slots=True)
class Tx:
    """One write transaction."""

    connection: Connection
    now: int  #: milliseconds since 1970, UTC: read once, so that its rows agree
    moved: list[str]  #: ids of the jobs that changed their state; their watchers hear of it after the commit

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows that a statement returns."""
        return self.connection.execute(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each of `parameters`."""
        self.connection.executemany(sql, parameters)

    def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns."""
        return self.connection.rows(query, parameters)


class Store:
    """An engine, and the watches on the jobs in it."""

    def __init__(self, engine: Engine, *, changes: Changes | None = None, epoch: int | None = None) -> None:
        """With an `epoch`, it writes for the owner of the chain, and only as long as that one's epoch lasts."""
        self._engine = engine
        self._epoch = epoch
        self.changes = changes or Changes()
        #: Another process owns the chain, or may: nothing is written with this epoch, and nothing must be sent.
        self.deposed = asyncio.Event()
        self.now = engine.now
        self.read = engine.read
        self.version = engine.version
        self.unfit = engine.unfit
        self.misplaced = engine.misplaced
        self.log_size = engine.log_size
        self.truncate_log = engine.truncate_log
        self.rescue = engine.rescue
        self.close = engine.close

    async def run(self, step: Callable[[Tx], Result]) -> Result:
        """What `step` returns, run as one transaction: on disk when this returns, undone when it raises.

        Raises FaucetError `ledger_unavailable`, DeposedError, and what `step` raises.
        """
        moved: list[str] = []

        def fenced(connection: Connection, turn: Turn) -> Result:
            # Read within the transaction: nobody becomes the owner before it ends.
            if self._epoch not in (None, turn.epoch):
                raise DeposedError
            return step(Tx(connection, turn.now, moved))

        if self.deposed.is_set():
            raise DeposedError
        try:
            result = await self._engine.run(fenced)
        except DeposedError:
            self.deposed.set()
            raise
        self.changes.publish(moved)
        return result

    def as_owner(self, epoch: int) -> "Store":
        """The same, for the owner of the chain of this `epoch`: its writes raise DeposedError in any other."""
        return Store(self._engine, changes=self.changes, epoch=epoch)

    async def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns, as it is after the last commit. Raises FaucetError `ledger_unavailable`."""
        return await self._engine.rows(query, parameters)

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Sequence[Row]:
        """The rows that a statement returns, a transaction of its own. Raises FaucetError `ledger_unavailable`."""
        return await self.run(lambda tx: tx.execute(sql, parameters))


class Part:
    """Some of the ledger's public methods, each one transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
