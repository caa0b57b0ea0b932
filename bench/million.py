"""A ledger with many jobs of the last thirty days, made quickly: `python -m bench.million FILE COUNT`."""

import asyncio
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

from jobs.ledger import Ledger

MONTH = 30 * 86_400_000  #: milliseconds
BATCH = 50  #: accounts in a transaction
PIECE = 50_000  #: rows that are made at a time
KEY = "TEST6yeGpHH3yX2bAWQJ2EL9W7KMdbfSGtTTcPq1eorkJ4CNiMKiKd"
MIX = ("done",) * 95 + ("failed",) * 4 + ("cancelled",)  #: states of a hundred jobs
WAITING = 20  #: of the newest

#: What the ledger's triggers count, in one go.
COUNTED = "UPDATE job_counts SET jobs = (SELECT count(*) FROM jobs WHERE jobs.state = job_counts.state);" + "".join(
    f"""
    INSERT INTO activity (span, start, {column}) SELECT '{span}', {at} / {length} * {length}, count(*)
    FROM jobs WHERE {condition} GROUP BY 2 ON CONFLICT (span, start) DO UPDATE SET {column} = excluded.{column};
    """
    for span, length in (("minute", 60_000), ("day", 86_400_000))
    for column, at, condition in (
        ("accepted", "created_at", "TRUE"),
        ("registered", "registered_at", "registered_at IS NOT NULL"),
        ("failed", "updated_at", "state = 'failed'"),
    )
)


def make_ledger(path: Path, count: int, *, now: float) -> None:
    """Fill a new ledger at `path` with `count` jobs, up to `now`, seconds since 1970."""
    asyncio.run(_make_empty(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA cache_size = -1000000")
        # To sort an index once is many times quicker than to keep it sorted. Triggers must not count what is counted.
        later = connection.execute(
            "SELECT type, name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql"
        )
        made = later.fetchall()
        for kind, name, _ in made:
            connection.execute(f"DROP {kind} {name}")
        for first in range(1, count + 1, PIECE):
            last = min(count, first + PIECE - 1)
            connection.execute("BEGIN")
            _fill(connection, range(first, last + 1), count, int(now * 1000))
            connection.execute("COMMIT")
        connection.executescript(COUNTED)
        for _, _, sql in made:
            connection.execute(sql)
        connection.execute("ANALYZE")
        connection.execute("PRAGMA journal_mode = WAL")


async def _make_empty(path: Path) -> None:
    await (await Ledger.open(path)).close()


def _fill(connection: sqlite3.Connection, numbers: range, count: int, now: int) -> None:
    connection.executemany(
        """
        INSERT INTO transactions (number, kind, id, signature, body, reference, expiration, fate, block_num,
                                  created_at, updated_at)
        VALUES (?, 'registration', ?, ?, '{}', 1, 1, 'irreversible', ?, ?, ?)
        """,
        [
            (number // BATCH, f"{number:040x}", f"{number:0130x}", number, _at(number, count, now), 0)
            for number in numbers
            if number % BATCH == 0
        ],
    )
    connection.executemany(
        f"""
        INSERT INTO jobs (number, id, name, owner_key, active_key, memo_key, created_at,
                          state, registration, account_id, block_num, irreversible, code, registered_at, updated_at)
        VALUES (?, ?, ?, '{KEY}', '{KEY}', '{KEY}', ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            (number, f"{number:032x}", f"name-{number}", _at(number, count, now), *_end(number, count, now))
            for number in numbers
        ],
    )
    connection.executemany(
        "INSERT INTO operations (txn, position, job, fee) VALUES (?, ?, ?, 514941)",
        [(number // BATCH, number % BATCH, number) for number in numbers if number >= BATCH],
    )
    connection.executemany(
        "INSERT INTO names (name, account_id) VALUES (?, ?)",
        [(f"name-{number}", f"1.2.{number}") for number in numbers],
    )


def _end(number: int, count: int, now: int) -> tuple[object, ...]:
    """The job's columns from its state on."""
    if number > count - WAITING:
        return "queued", None, None, None, 0, None, None, _at(number, count, now)
    # The first ones have no transaction.
    state = "cancelled" if number < BATCH else MIX[number % len(MIX)]
    at = _at(number, count, now) + 3_000
    if state == "done":
        return state, number // BATCH, f"1.2.{number}", number, 1, None, at, at
    return state, None, None, None, 0, "account_exists" if state == "failed" else "cancelled", None, at


def _at(number: int, count: int, now: int) -> int:
    return now - MONTH + MONTH * number // count


if __name__ == "__main__":
    make_ledger(Path(sys.argv[1]), int(sys.argv[2]), now=time.time())
