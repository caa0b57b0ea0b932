"""Moves of a ledger, and what is in it before and after."""

import asyncio
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from jobs.ledger import Ledger
from jobs.ledger.engines import Location
from jobs.ledger.move.mover import Moved, move
from jobs.ledger.move.tables import ADDED, REPLACED
from jobs.ledger.sqlite.tables import declared
from tests.harness.ledgers import FREE, Clock, signup
from tests.harness.program import ROOT

TABLES = declared((*ADDED, *REPLACED))
FEW = 3  #: rows of a transaction, so that each table takes several

Dump = dict[str, list[tuple[Any, ...]]]


def nobody(_task: str, _done: int, _total: int) -> None:
    """Listens to no report."""


def moved(source: Location, target: Location) -> Moved:
    return move(source, target, nobody, batch=FEW)


def failing(call: int, error: type[BaseException] = KeyboardInterrupt) -> Callable[[str, int, int], None]:
    """A report that interrupts the move at this call."""
    calls = iter(range(1, call + 1))

    def report(_task: str, _done: int, _total: int) -> None:
        if next(calls) == call:
            raise error

    return report


def rows_of(location: Location) -> Dump:
    """All that is in a ledger but its own row and the sessions; flags as numbers."""
    with closing(sqlite3.connect(location) if isinstance(location, Path) else psycopg.connect(location)) as shell:
        rows: Dump = {}
        for table in TABLES:
            found = shell.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}").fetchall()
            plain = [tuple(int(value) if isinstance(value, bool) else value for value in row) for row in found]
            rows[table.name] = sorted(plain, key=repr)
        return rows


def run_in(location: Location, sql: str) -> list[tuple[Any, ...]]:
    """What a shell gets."""
    if isinstance(location, Path):
        with closing(sqlite3.connect(location, isolation_level=None)) as shell:
            return shell.execute(sql).fetchall()
    with psycopg.connect(location, autocommit=True) as session:
        cursor = session.execute(sql)
        return cursor.fetchall() if cursor.description else []


async def used(location: Location, use: Callable[[Ledger], Any], clock: Callable[[], float] | None = None) -> Any:
    """What `use` returns of the ledger, which is closed again."""
    ledger = await Ledger.open(location, clock=clock or Clock())
    try:
        return await use(ledger)
    finally:
        await ledger.close()


async def accept(location: Location, name: str) -> None:
    await used(location, lambda ledger: ledger.signups.accept(signup(name), FREE))


async def ends(there: str, file: Path, url: str) -> tuple[Location, Location]:
    """Where a ledger is, and where it is to be: `there`, in PostgreSQL or in a file."""
    if there == "postgresql":
        return file, url
    moved(file, url)
    return url, file.with_name("back.db")


async def killed(*arguments: str) -> int:
    """The exit code of a move that is killed, unless it ends before."""
    program = (sys.executable, "-m", "tests.harness.killed_move")
    return await (await asyncio.create_subprocess_exec(*program, *arguments, cwd=ROOT)).wait()
