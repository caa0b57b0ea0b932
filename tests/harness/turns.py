"""The turn of a ledger in PostgreSQL: held by another session, and waited for."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.harness.engines import Databases


@contextmanager
def turn_held(databases: Databases, folder: Path) -> Iterator[psycopg.Connection]:
    """Another machine is amid a transaction."""
    with databases.connect(folder) as other:
        other.execute("BEGIN; SELECT 1 FROM ledger FOR UPDATE")
        yield other
        other.execute("ROLLBACK")


async def until(shell: psycopg.Connection, query: str) -> None:
    """Return when `query` finds something."""
    while not await asyncio.to_thread(lambda: shell.execute(query).fetchall()):
        """Asking is the waiting: no event tells of it."""


async def waiting(databases: Databases, folder: Path) -> None:
    """Return when a transaction waits for its turn."""
    with databases.connect(folder) as shell:
        await until(shell, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
