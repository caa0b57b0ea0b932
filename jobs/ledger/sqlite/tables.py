"""The tables of the ledger as faucet.db.sql declares them, the same on every engine."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing

from jobs.ledger.move.tables import Table
from jobs.ledger.sqlite.file import SCHEMA


def declared(names: Iterable[str]) -> list[Table]:
    """These tables."""
    with closing(sqlite3.connect(":memory:")) as schema:
        schema.executescript(SCHEMA.read_text())
        return [_table(schema, name) for name in names]


def _table(schema: sqlite3.Connection, name: str) -> Table:
    columns = schema.execute("SELECT name, type, pk FROM pragma_table_info(?)", (name,)).fetchall()
    return Table(
        name,
        tuple(column for column, _, _ in columns),
        frozenset(column for column, kind, _ in columns if kind == "TEXT"),
        tuple(column for column, _, place in sorted(columns, key=lambda row: row[2]) if place),
    )
