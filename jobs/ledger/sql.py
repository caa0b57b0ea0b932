"""SQL that every engine shares: typed queries, and many rows as one JSON parameter.

Statements keep to what both SQLite and PostgreSQL take; tests/ledger/test_common_sql.py holds that. `json_each` is
SQLite's own, and a function of that name in PostgreSQL's schema.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, is_dataclass, replace
from functools import cache
from operator import attrgetter
from typing import Any, Generic, TypeVar, get_origin, get_type_hints

import msgspec

Item = TypeVar("Item")

_encode = msgspec.json.Encoder().encode

#: Whether a column of texts is one of the values of a parameter made by to_json.
IN_TEXTS = "IN (SELECT atom FROM json_each(?))"
#: The same for a column of numbers.
IN_NUMBERS = "IN (SELECT CAST(atom AS BIGINT) FROM json_each(?))"

#: What a table_of columns casts them to, by their names: PostgreSQL takes all else that comes out of JSON for text.
_TYPES = dict.fromkeys(
    ("block_num", "cost", "created_at", "updated_at", "accepted_at", "expiration", "fee", "funding", "job",
     "number", "place", "position", "reference", "registration", "reserved", "txn", "spent", "until",
     "invitation", "uses", "expires_at", "made_at", "api_key", "registered_at"),
    "BIGINT",
) | dict.fromkeys(("irreversible", "provisional"), "BOOLEAN")  # fmt: skip

#: More rows than any parameter has. By a limit SQLite reads a parameter once, and looks up what it names: where a
#: ledger was small when its rows were last counted, it would go through all jobs, and parse the parameter for each.
_FENCE = 10**9


@dataclass(frozen=True, slots=True)
class Query(Generic[Item]):
    """A query that returns the columns of `item`, a struct or dataclass, by the names of its fields."""

    sql: str
    item: type[Item]
    #: It may return thousands of rows. For each row that is fetched by itself the writer's thread waits for the
    #: interpreter, which a crowd keeps busy: to write two thousand jobs ahead took half a second.
    bulk: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """Where a column of a query belongs in the type of its rows."""

    name: str
    path: tuple[str, ...]  #: of fields, the outermost first
    is_list: bool  #: the column holds a JSON list


def columns_of(item: type) -> tuple[Column, ...]:
    """The columns that make an `item`: its fields, and those of the items among them."""
    return _columns_of(item)


@cache
def _columns_of(item: type) -> tuple[Column, ...]:
    return tuple(_columns(item))


def _columns(item: type) -> Iterator[Column]:
    for name, hint in get_type_hints(item).items():
        if is_item(hint):
            yield from (replace(column, path=(name, *column.path)) for column in columns_of(hint))
        else:
            yield Column(name, (name,), get_origin(hint) in (tuple, list))


def is_item(hint: Any) -> bool:
    """Whether a field of this type is made of several columns."""
    return is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, msgspec.Struct))


def item_of(item: type, row: Any) -> Any:
    """The item in a row of a query, which returns its values by the names of their columns."""
    fields: dict[str, Any] = {}
    for column in columns_of(item):
        inner = fields
        for outer in column.path[:-1]:
            inner = inner.setdefault(outer, {})
        value = row[column.name]
        inner[column.path[-1]] = msgspec.json.decode(value) if column.is_list else value
    return msgspec.convert(fields, item, strict=False)


def names_of(item: type) -> str:
    """The columns that make an `item`, for SELECT."""
    return ", ".join(column.name for column in columns_of(item))


def to_json(values: Iterable[Any]) -> str:
    """`values` as one parameter."""
    return _encode(list(values)).decode()


def table_of(columns: Iterable[str]) -> str:
    """A table of one parameter: to_json of its rows, each a list of `columns`."""
    named = ", ".join(f"{_cell(place, column)} AS {column}" for place, column in enumerate(columns))
    return f"(SELECT {named} FROM json_each(?) AS rows LIMIT {_FENCE})"


def _cell(place: int, column: str) -> str:
    return f"CAST(value ->> {place} AS {_TYPES[column]})" if column in _TYPES else f"value ->> {place}"


def rows_of(item: type, columns: Iterable[str], items: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """`columns` of `items`, for a table_of them."""
    paths = {column.name: ".".join(column.path) for column in columns_of(item)}
    return map(attrgetter(*(paths[column] for column in columns)), items)
