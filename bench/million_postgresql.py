"""The same ledger in PostgreSQL: `python -m bench.million_postgresql URL COUNT`, by a superuser."""

import asyncio
import sys
import time

import psycopg

from bench.million import BATCH, COUNTED, KEY, MIX, MONTH, WAITING
from jobs.ledger import Ledger

#: Sorting an index once is many times quicker than keeping it sorted; and no trigger must count, nor look up what is
#: known to be there.
QUICK = """
    SET session_replication_role = replica; SET maintenance_work_mem = '1GB'; SET synchronous_commit = off;
    ALTER TABLE names DROP CONSTRAINT names_pkey
"""
LATER = """
    SELECT indexname AS name, indexdef AS sql FROM pg_indexes
    WHERE schemaname = current_schema AND tablename IN ('transactions', 'jobs', 'operations', 'names')
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname AND connamespace = schemaname::regnamespace)
"""
FILL = f"""
    INSERT INTO transactions (number, kind, id, signature, body, reference, expiration, fate, block_num,
                              created_at, updated_at)
    SELECT n, 'registration', lpad(to_hex(n * {BATCH}), 40, '0'), lpad(to_hex(n * {BATCH}), 130, '0'), '{{}}', 1, 1,
           'irreversible', n * {BATCH}, %(began)s + {MONTH} * n * {BATCH} / %(count)s, 0
    FROM generate_series(1, %(count)s / {BATCH}) AS n;

    INSERT INTO jobs (number, id, name, owner_key, active_key, memo_key, created_at, state, registration, account_id,
                      block_num, irreversible, code, registered_at, updated_at)
    SELECT n, lpad(to_hex(n), 32, '0'), 'name-' || n, '{KEY}', '{KEY}', '{KEY}', at, state,
           CASE state WHEN 'done' THEN n / {BATCH} END, CASE state WHEN 'done' THEN '1.2.' || n END,
           CASE state WHEN 'done' THEN n END, state = 'done',
           CASE state WHEN 'failed' THEN 'account_exists' WHEN 'cancelled' THEN 'cancelled' END,
           CASE state WHEN 'done' THEN at + 3000 END, CASE state WHEN 'queued' THEN at ELSE at + 3000 END
    FROM (SELECT n, %(began)s + {MONTH} * n / %(count)s AS at,
                 CASE WHEN n > %(count)s - {WAITING} THEN 'queued' WHEN n < {BATCH} THEN 'cancelled'
                 ELSE (CAST(%(mix)s AS TEXT[]))[n %% {len(MIX)} + 1] END AS state
          FROM generate_series(CAST(1 AS BIGINT), %(count)s) AS n) AS made;

    INSERT INTO operations (txn, position, job, fee)
    SELECT n / {BATCH}, n %% {BATCH}, n, 514941 FROM generate_series({BATCH}, %(count)s) AS n;

    INSERT INTO names (name, account_id) SELECT 'name-' || n, '1.2.' || n FROM generate_series(1, %(count)s) AS n;

    SELECT setval(pg_get_serial_sequence('transactions', 'number'), %(count)s / {BATCH} + 1)
"""


def make_ledger(url: str, count: int, *, now: float) -> None:
    """Fill a new ledger at `url` with `count` jobs, up to `now`, seconds since 1970."""
    asyncio.run(_make_empty(url))
    if count == 0:
        return
    values = {"count": count, "began": int(now * 1000) - MONTH, "mix": list(MIX)}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as session:
        session.execute(QUICK)
        later = session.execute(LATER).fetchall()
        for name, _ in later:
            session.execute(f"DROP INDEX {name}".encode())
        for statement in FILL.split(";\n"):
            session.execute(statement.encode(), values)
        session.execute("ALTER TABLE names ADD PRIMARY KEY (name)")
        for _, sql in later:
            session.execute(sql.encode())
        session.execute(COUNTED.encode())
        session.execute("VACUUM ANALYZE")
        session.execute("CHECKPOINT")


async def _make_empty(url: str) -> None:
    await (await Ledger.open(url)).close()


if __name__ == "__main__":
    make_ledger(sys.argv[1], int(sys.argv[2]), now=time.time())
