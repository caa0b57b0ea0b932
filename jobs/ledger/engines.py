"""Which engine holds a ledger: SQLite in a file, PostgreSQL behind a URL."""

import asyncio
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from jobs.ledger.errors import LedgerError
from jobs.ledger.sqlite.engine import SqliteEngine
from jobs.ledger.sqlite.journal import has_journal
from jobs.ledger.sqlite.wal import has_log
from jobs.ledger.store import Engine

Location = Path | str  #: the file of a ledger, or the URL of the database that holds it

SCHEMES = ("postgresql://", "postgres://")  #: as libpq takes them


async def open_engine(location: Location, clock: Callable[[], float] | None) -> Engine:
    """The ledger at `location`, made or migrated as needed. Raises LedgerError.

    With a `clock`, that is the time; without, it is the database's.
    """
    if isinstance(location, Path):
        return await SqliteEngine.open(location, clock or time.time)
    engine: Engine = await needs_postgresql("engine").PostgresqlEngine.open(location, clock)
    return engine


async def open_engine_to_read(location: Location, clock: Callable[[], float] | None) -> Engine:
    """The ledger at `location` as it is. Raises LedgerError, OldLedgerError for an older one."""
    if isinstance(location, Path):
        return await SqliteEngine.open_to_read(location, clock or time.time)
    engine: Engine = await needs_postgresql("engine").PostgresqlEngine.open_to_read(location, clock)
    return engine


async def unfitness(location: Location) -> list[str]:
    """A sentence for each reason why a database must not hold the ledger; a file always may. Raises LedgerError."""
    if isinstance(location, Path):
        return []
    found: list[str] = await asyncio.to_thread(needs_postgresql("database").unfitness, location)
    return found


def is_new(location: Location) -> bool:
    """Whether there is nothing of a ledger in a file yet; of a database, only opening it tells."""
    if not isinstance(location, Path):
        return False
    return not location.exists() and not has_log(location) and not has_journal(location)


def needs_postgresql(module: str) -> ModuleType:
    """This module of the engine, with psycopg, which only such a ledger needs. Raises LedgerError without it."""
    try:
        return import_module(f"jobs.ledger.postgresql.{module}")
    except ImportError as error:
        raise LedgerError(f"a ledger in PostgreSQL needs psycopg: pip install 'psycopg[binary]' ({error})") from None
