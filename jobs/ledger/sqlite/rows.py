"""Rows of SQLite as typed values."""

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar, get_origin, get_type_hints

import msgspec

from jobs.ledger.sql import Query, is_item, item_of

Item = TypeVar("Item")


def statement_of(query: Query[Any]) -> str:
    """What to execute for `query`: of one for many rows, a statement that returns them all as one JSON value."""
    return _as_one(query) if query.bulk else query.sql


@cache
def _as_one(query: Query[Any]) -> str:
    return f"SELECT json_group_array({_json_of(query.item)}) FROM ({query.sql})"


def _json_of(item: type) -> str:
    pairs = (f"'{name}', {_value_of(name, hint)}" for name, hint in get_type_hints(item).items())
    return f"json_object({', '.join(pairs)})"


def _value_of(name: str, hint: Any) -> str:
    if is_item(hint):
        return _json_of(hint)
    return f"json({name})" if get_origin(hint) in (tuple, list) else name


def items_of(query: Query[Item], rows: Iterable[Sequence[Any]]) -> list[Item]:
    """The items in the `rows` that statement_of(query) returned."""
    if query.bulk:
        (row,) = rows
        return _decode(query.item, row[0])
    return [item_of(query.item, row) for row in rows]


def _decode(item: type, text: str) -> list[Any]:
    return _decoder(item).decode(text)


@cache
def _decoder(item: type) -> msgspec.json.Decoder[list[Any]]:
    # SQLite has no booleans: 0 and 1 are taken for them.
    return msgspec.json.Decoder(list[item], strict=False)  # type: ignore[valid-type]  # it is known at run time


class Connection:
    """The writer's connection, as a transaction has it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows that a statement returns."""
        return self._connection.execute(sql, parameters).fetchall()

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]]) -> None:
        """Execute a statement once for each of `parameters`."""
        self._connection.executemany(sql, parameters)

    def rows(self, query: Query[Item], parameters: Sequence[Any] = ()) -> list[Item]:
        """What a query returns."""
        return items_of(query, self.execute(statement_of(query), parameters))

    def unfit(self) -> str | None:
        """None: what is committed is on disk."""
