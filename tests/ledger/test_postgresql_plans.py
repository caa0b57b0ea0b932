"""No query of the ledger reads a whole table that grows, in PostgreSQL either."""

import re
from collections.abc import Iterator

import psycopg
import pytest

from jobs.ledger.postgresql.database import SCHEMA
from jobs.ledger.postgresql.rows import placed
from jobs.ledger.sql import IN_NUMBERS, IN_TEXTS, Query
from tests.harness.postgresql import Server
from tests.harness.statements import STATEMENTS

GROWING = re.compile(r"Seq Scan on (?:jobs|transactions|operations|names|quotas|quota_uses|api_keys)\b")
#: A ledger of 30,000 jobs that are done, as most are. Of fewer names PostgreSQL would rather hash all.
FILLED = """
    INSERT INTO transactions (kind, id, signature, body, reference, expiration, created_at, updated_at, fate, block_num)
    SELECT 'registration', md5(CAST(n AS TEXT)), n, '{}', 1, 1, 1, 1, 'irreversible', n
    FROM generate_series(1, 3000) AS n;
    INSERT INTO jobs (number, id, name, owner_key, active_key, memo_key, created_at, updated_at, state, registration,
                      account_id, block_num, irreversible, registered_at)
    SELECT n, md5(CAST(n AS TEXT)), 'name-' || n, 'o', 'a', 'm', n, n, 'done', 1 + n % 3000, '1.2.' || n, n, TRUE, n
    FROM generate_series(1, 30000) AS n;
    INSERT INTO operations SELECT 1 + n % 3000, n / 3000, n, 5 FROM generate_series(1, 30000) AS n;
    INSERT INTO names SELECT 'name-' || n, '1.2.' || n, n, NULL, NULL FROM generate_series(1, 200000) AS n;
    INSERT INTO quota_keys VALUES (1, 'key', 1);
    INSERT INTO quotas SELECT n, 1, n FROM generate_series(1, 100000) AS n;
    INSERT INTO api_keys (hash, hint, name, per_minute, per_day, origins, created_at, created_by, revoked_at)
    SELECT md5(CAST(n AS TEXT)), '', '', 1, 1, '[]', n, '', n FROM generate_series(1, 10000) AS n;
    INSERT INTO quota_uses SELECT n, '[]', n FROM generate_series(1, 30000) AS n;
    ANALYZE;
"""
ARGUMENTS = {"text": "'[]'", "bigint": "1", "integer": "1", "boolean": "TRUE"}


@pytest.fixture(scope="module")
def filled(postgresql: Server) -> Iterator[psycopg.Connection]:
    """A session in such a ledger."""
    schema = postgresql.new_schema()
    # psycopg would prepare statements of its own.
    with psycopg.connect(postgresql.url(schema), autocommit=True, prepare_threshold=None) as session:
        session.execute(SCHEMA.read_text())
        session.execute(FILLED)
        session.execute("SET plan_cache_mode = force_generic_plan")
        yield session
    postgresql.drop_schema(schema)


TEXTS = {name: statement.sql if isinstance(statement, Query) else statement for name, statement in STATEMENTS.items()}
LISTS = [name for name, text in TEXTS.items() if (IN_NUMBERS in text or IN_TEXTS in text) and "jobs" in text]


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_no_query_reads_a_whole_table_in_postgresql(filled: psycopg.Connection, name: str) -> None:
    assert [step for step in plan_of(filled, TEXTS[name]) if GROWING.search(step)] == []


@pytest.mark.parametrize("name", sorted(LISTS))
def test_listed_jobs_are_not_looked_for_among_those_of_a_state(filled: psycopg.Connection, name: str) -> None:
    """Each of them would be compared with each of the list: half a second for two thousand."""
    assert [step for step in plan_of(filled, TEXTS[name]) if "jobs_by_state" in step] == []


def plan_of(filled: psycopg.Connection, statement: str) -> list[str]:
    """The lines of its plan, whatever its parameters."""
    sql = placed(statement).replace("%%", "%")
    for number in range(1, sql.count("%s") + 1):
        sql = sql.replace("%s", f"${number}", 1)
    filled.execute(f"PREPARE statement AS {sql}")
    kinds = "SELECT CAST(unnest(parameter_types) AS TEXT) FROM pg_prepared_statements WHERE name = 'statement'"
    arguments = ", ".join(ARGUMENTS[kind] for (kind,) in filled.execute(kinds).fetchall())
    plan = filled.execute(f"EXPLAIN EXECUTE statement{f'({arguments})' if arguments else ''}").fetchall()
    filled.execute("DEALLOCATE statement")
    return [step for (step,) in plan]
