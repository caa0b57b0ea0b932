"""The ledger's statements as psycopg takes them, and rows as typed values."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeVar

import psycopg
from psycopg.adapt import AdaptersMap
from psycopg.rows import DictRow
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrDumper

from jobs.ledger.sql import IN_NUMBERS, IN_TEXTS, Query, item_of

Item = TypeVar("Item")

REPLACEMENT = "\ufffd"
#: The escape of a NUL in JSON, and the backslashes before it that escape each other.
_ESCAPED_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


#: Where few rows are expected of another condition, PostgreSQL compares each of them with each value of a sub-select: a
#: second where two thousand are found. It looks up the values of an array.
_ARRAYS = {membership: f"= ANY (ARRAY({membership.removeprefix('IN (')})" for membership in (IN_NUMBERS, IN_TEXTS)}


class _TextDumper(StrDumper):
    """Texts, with U+FFFD for each NUL: PostgreSQL refuses those, and with one all that its statement would write."""

    def dump(self, obj: str) -> Any:
        return super().dump(without_nul(obj))


def without_nul(text: str) -> str:
    """`text` with U+FFFD instead of each NUL, also of one that is escaped as JSON escapes it."""
    if "\0" in text:
        text = text.replace("\0", REPLACEMENT)
    return _ESCAPED_NUL.sub(rf"\1{REPLACEMENT}", text) if "\\u0000" in text else text


def adapt(adapters: AdaptersMap) -> None:
    """Say how Python's values become PostgreSQL's."""
    # Else a small number is a smallint, which has operators of its own.
    adapters.register_dumper(int, Int8BinaryDumper)
    adapters.register_dumper(str, _TextDumper)


@cache
def placed(sql: str) -> str:
    """A statement of the ledger with psycopg's placeholders."""
    for membership, array in _ARRAYS.items():
        sql = sql.replace(membership, array)
    return sql.replace("%", "%%").replace("?", "%s")


def fetched(connection: psycopg.Connection[DictRow], sql: str, parameters: Sequence[Any]) -> list[DictRow]:
    """The rows that a statement returns."""
    cursor = connection.execute(placed(sql), parameters)
    return cursor.fetchall() if cursor.description is not None else []


def items_of(query: Query[Item], rows: Iterable[DictRow]) -> list[Item]:
    """The items in the `rows` of `query`."""
    return [item_of(query.item, row) for row in rows]
