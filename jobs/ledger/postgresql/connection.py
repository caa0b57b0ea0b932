"""The writer's connection, as a transaction has it."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from psycopg.rows import DictRow

from jobs.ledger.postgresql.database import unfit
from jobs.ledger.postgresql.link import Session
from jobs.ledger.postgresql.rows import fetched, items_of, placed
from jobs.ledger.sql import Query

Item = TypeVar("Item")


class Connection:
    """A session that has the turn."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[DictRow]:
        """The rows that a statement returns."""
        return fetched(self._session, sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each of `parameters`."""
        with self._session.cursor() as cursor:
            cursor.executemany(placed(sql), parameters)

    def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns."""
        return items_of(query, self.execute(query.sql, parameters))

    def unfit(self) -> str | None:
        """Why the server may forget what this transaction writes, though it confirms it; None where it keeps it."""
        return unfit(self._session)
