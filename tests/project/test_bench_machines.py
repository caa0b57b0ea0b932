"""The benchmarks of a ledger in PostgreSQL, with small loads: their counts are right. Times are not checked here."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from bench import growth_postgresql, machines, million, million_postgresql
from tests.harness.postgresql import Server

SMALL = 0.01
COUNT = 1_000
NOW = 1_790_000_000.0
TABLES = {
    "jobs": "number", "transactions": "number", "operations": "job", "names": "name", "job_counts": "state",
    "activity": "span, start",
}  # fmt: skip
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="the load is made by wrk, which is missing")


@needs_wrk
async def test_machines_are_measured_on_either_engine(tmp_path: Path, postgresql: Server) -> None:
    assert postgresql.pid
    figures = await machines.measure(SMALL, tmp_path)
    assert [figure.what for figure in figures if figure.value <= 0 and figure.target != "0"] == []
    assert [figure.value for figure in figures if figure.target == "0"] == [0, 0]
    assert all(figure.ratio for figure in figures if figure.unit)


@needs_wrk
async def test_growth_is_measured_in_postgresql(tmp_path: Path, postgresql: Server) -> None:
    assert postgresql.pid
    figures = await growth_postgresql.measure(COUNT / growth_postgresql.JOBS, tmp_path)
    assert [figure.what for figure in figures if not figure.ratio] == []


def test_large_ledgers_are_the_same_on_either_engine(tmp_path: Path, postgresql: Server) -> None:
    million.make_ledger(tmp_path / "faucet.db", COUNT, now=NOW)
    url = postgresql.url(postgresql.new_schema())
    million_postgresql.make_ledger(url, COUNT, now=NOW)
    with closing(sqlite3.connect(tmp_path / "faucet.db")) as one, closing(psycopg.connect(url)) as other:
        for table, order in TABLES.items():
            query = f"SELECT * FROM {table} ORDER BY {order}"
            rows = one.execute(query)
            columns = ", ".join(column[0] for column in rows.description)
            others = other.execute(f"SELECT {columns} FROM {table} ORDER BY {order}".encode())
            assert others.fetchall() == rows.fetchall(), table
