"""A ledger with many jobs of the last thirty days, made quickly: `python -m bench.million FILE COUNT`."""

import asyncio
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from jobs.ledger import Ledger

MONTH = 30 * 86_400_000  #: milliseconds
BATCH = 50  #: accounts in a transaction
PIECE = 50_000  #: rows that are made at a time
KEY = "TEST6yeGpHH3yX2bAWQJ2EL9W7KMdbfSGtTTcPq1eorkJ4CNiMKiKd"
#: States of a hundred jobs; the newest thousand are on their way.
MIX = ("done",) * 95 + ("failed",) * 4 + ("cancelled",)


def make_ledger(path: Path, count: int, *, now: float) -> None:
    """Fill a new ledger at `path` with `count` jobs, up to `now`, seconds since 1970."""
    asyncio.run(_make_empty(path))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for first in range(1, count + 1, PIECE):
            last = min(count, first + PIECE - 1)
            connection.execute("BEGIN")
            _fill(connection, range(first, last + 1), count, int(now * 1000))
            connection.execute("COMMIT")
        connection.execute("ANALYZE")


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
        """
        INSERT INTO jobs (number, id, name, owner_key, active_key, memo_key, created_at, updated_at)
        VALUES (?1, ?2, ?3, ?4, ?4, ?4, ?5, ?5)
        """,
        [(number, f"{number:032x}", f"name-{number}", KEY, _at(number, count, now)) for number in numbers],
    )
    connection.executemany(
        "UPDATE jobs SET state = ?2, registration = ?3, account_id = ?4, block_num = ?5, irreversible = ?6, code = ?7, "
        "registered_at = ?8, updated_at = ?9 WHERE number = ?1",
        _ends(numbers, count, now),
    )
    connection.executemany(
        "INSERT INTO operations (txn, position, job, fee) VALUES (?, ?, ?, 514941)",
        [(number // BATCH, number % BATCH, number) for number in numbers if number >= BATCH],
    )
    connection.executemany(
        "INSERT INTO names (name, account_id) VALUES (?, ?)",
        [(f"name-{number}", f"1.2.{number}") for number in numbers],
    )


def _ends(numbers: range, count: int, now: int) -> Iterator[tuple[object, ...]]:
    for number in numbers:
        if number > count - 20:
            continue  # it waits
        # The first ones have no transaction.
        state = "cancelled" if number < BATCH else MIX[number % len(MIX)]
        at = _at(number, count, now) + 3_000
        if state == "done":
            yield number, state, number // BATCH, f"1.2.{number}", number, 1, None, at, at
        else:
            code = "account_exists" if state == "failed" else "cancelled"
            yield number, state, None, None, None, 0, code, None, at


def _at(number: int, count: int, now: int) -> int:
    return now - MONTH + MONTH * number // count


if __name__ == "__main__":
    make_ledger(Path(sys.argv[1]), int(sys.argv[2]), now=time.time())
