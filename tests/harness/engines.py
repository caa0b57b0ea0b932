"""The engine of a test's ledgers: `each_engine` (conftest.py) runs a test on SQLite and on PostgreSQL."""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol
from unittest import TestCase

import psycopg
import pytest
from hypothesis import settings

from tests.harness.postgresql import Server

FILE = "faucet.db"


class Schemas(Protocol):
    """A server, or a pooler in front of one."""

    def url(self, schema: str) -> str:
        """Where a ledger can be."""

    def connect(self, schema: str) -> psycopg.Connection:
        """A session of a test's own."""

    def new_schema(self) -> str:
        """A schema that nobody has used."""

    def drop_schema(self, schema: str) -> None:
        """Delete all that is in it."""


class Databases:
    """The schemas that stand for folders, on one server."""

    def __init__(self, server: Schemas) -> None:
        self._server = server
        self._schemas: dict[Path, str] = {}

    def schema_of(self, folder: Path) -> str:
        """The schema for the ledger in `folder`."""
        if folder not in self._schemas:
            self._schemas[folder] = self._server.new_schema()
        return self._schemas[folder]

    def url_of(self, folder: Path) -> str:
        """Where the ledger in `folder` is."""
        return self._server.url(self.schema_of(folder))

    def connect(self, folder: Path) -> psycopg.Connection:
        """A session there."""
        return self._server.connect(self.schema_of(folder))

    def drop(self, *folders: Path) -> None:
        """Delete what stands for `folders`."""
        for folder in folders:
            if (schema := self._schemas.pop(folder, None)) is not None:
                self._server.drop_schema(schema)

    def drop_all(self) -> None:
        """Delete everything."""
        self.drop(*self._schemas)


_databases: list[Databases] = []  # the last one is in force; without one, ledgers are files


def location_of(folder: Path) -> Path | str:
    """Where the ledger in `folder` is, for Ledger.open and for the configuration."""
    return _databases[-1].url_of(folder) if _databases else folder / FILE


@contextlib.contextmanager
def on_postgresql(server: Schemas) -> Iterator[Databases]:
    """Ledgers that are opened in the block are in PostgreSQL."""
    databases = Databases(server)
    _databases.append(databases)
    try:
        yield databases
    finally:
        _databases.pop()
        databases.drop_all()


def delete_ledger(folder: Path) -> None:
    """Delete a folder, and the ledger that is kept there."""
    if _databases:
        _databases[-1].drop(folder)
    shutil.rmtree(folder)


def in_postgresql(case: type[TestCase], chosen: settings) -> Any:
    """A state machine's TestCase once more, with its ledgers in PostgreSQL."""
    return type(f"{case.__name__}InPostgresql", (_InPostgresql, case), {"settings": chosen})


class _InPostgresql:
    @pytest.fixture(autouse=True)
    def _in_postgresql(self, postgresql: Server) -> Iterator[None]:
        with on_postgresql(postgresql):
            yield


class Shell:
    """Another program's connection to the ledger in a folder."""

    def __init__(self, folder: Path) -> None:
        self._session: sqlite3.Connection | psycopg.Connection = (
            _databases[-1].connect(folder) if _databases else sqlite3.connect(folder / FILE)
        )

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query, with `?` for its parameters."""
        if isinstance(self._session, sqlite3.Connection):
            return self._session.execute(sql, parameters).fetchall()
        return self._session.execute(sql.replace("%", "%%").replace("?", "%s"), parameters).fetchall()

    def close(self) -> None:
        """End it."""
        self._session.close()
