"""No query of the ledger reads a whole table that grows."""

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing

import pytest

from jobs.ledger.sql import Query, columns_of
from jobs.ledger.sqlite.file import SCHEMA
from jobs.ledger.sqlite.rows import statement_of
from tests.harness.statements import QUERIES, STATEMENTS

#: The statistics that ANALYZE writes for a ledger with ten million jobs.
COUNTED = (
    ("transactions", "transactions_irreversible", "200000 1"),
    ("transactions", "transactions_by_id", "200000 1"),
    ("transactions", "transactions_by_signature", "200000 1"),
    ("operations", "operations_by_job", "9999951 1"),
    ("operations", "operations", "9999951 50 1"),
    ("names", "names", "10000000 1"),
    ("activity", "activity", "43232 21616 1"),
    ("jobs", "jobs_failed", "399996 399996 1"),
    ("jobs", "jobs_by_account", "9499936 1"),
    ("jobs", "jobs_by_move", "10000000 1"),
    ("jobs", "jobs_by_registration_time", "9499936 1"),
    ("jobs", "jobs_by_time", "10000000 1"),
    ("jobs", "jobs_by_state", "10000000 2500000 1"),
    ("jobs", "jobs_by_name", "10000000 1 1"),
    ("jobs", "jobs_one_live_a_name", "9499956 1"),
    ("jobs", "jobs_by_id", "10000000 1"),
)
#: … for one with a hundred: it grows, and nobody counts anew.
COUNTED_EARLY = (
    ("jobs", "jobs_by_account", "31 1"),
    ("jobs", "jobs_by_move", "100 1"),
    ("jobs", "jobs_by_time", "100 1"),
    ("jobs", "jobs_by_state", "100 34 1"),
    ("jobs", "jobs_by_name", "100 1 1"),
    ("jobs", "jobs_one_live_a_name", "51 1"),
    ("jobs", "jobs_by_id", "100 1"),
)
#: Tables with a row for each condition, state, setting, day, session, recent failure or block that may be orphaned; and
#: values in memory.
SMALL = (
    *(
        "alerts",
        "blocks",
        "facts",
        "job_counts",
        "ledger",
        "login_failures",
        "lowest_fees",
        "pauses",
        "pins",
        "quota_keys",
        "referrer_questions",
        "sessions",
        "spending",
    ),
    *("accepted", "changed", "derived", "linked", "next", "recorded", "seen"),
    *("json_each", "request", "due", "ends", "known", "last", "superseded", "subquery", "CONSTANT ROW", "SCAN one"),
)
EXEMPT = {
    "outbox.PURGE_MAILS": "mails are few: they are deleted after a while, and sent rarely",
    "reconciliation.DIFFERENCES": "differences are few, or nobody reads on",
    "reconciliation.DIFFERENCE_COUNT": "the same",
    "reconciliation.LATEST": "comparisons are few",
    "reconciliation.OLDEST_TRANSACTION": "ends with the first row",
}
FIRST_ROWS = {
    "drain.IDLE": "whether any job is queued",
    "queries.OLDEST_WAITING": "the oldest in the queue",
    "jobs of a state": "a page",
}

Statistics = Sequence[tuple[str, str, str]]  #: table, index, and what ANALYZE found


def plan_of(name: str, counted: Statistics) -> list[str]:
    """The steps of a statement in a ledger with these statistics, or that was never analysed."""
    statement = STATEMENTS[name]
    sql = statement_of(statement) if isinstance(statement, Query) else statement
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA.read_text())
        if counted:
            connection.executescript("ANALYZE")
            connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", counted)
            connection.executescript("ANALYZE sqlite_schema")
        plan = connection.execute(f"EXPLAIN QUERY PLAN {sql}", ["[]"] * sql.count("?")).fetchall()
    return [step for *_, step in plan]


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - EXEMPT.keys()))
@pytest.mark.parametrize("analysed", [False, True])
def test_no_query_reads_a_whole_table(name: str, *, analysed: bool) -> None:
    """Ten million jobs must cost what ten do, also after ANALYZE."""
    steps = plan_of(name, COUNTED if analysed else ())
    scans = [step for step in steps if step.startswith("SCAN") and "INDEX" not in step]
    assert [step for step in scans if not any(name in step for name in SMALL)] == []


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_no_statement_goes_through_all_jobs_for_a_parameter(name: str) -> None:
    """A ledger with a hundred jobs when it was analysed stopped for half a second at each block."""
    steps = plan_of(name, COUNTED_EARLY)
    if any("VIRTUAL TABLE" in step for step in steps):
        assert [step for step in steps if step.startswith("SCAN jobs")] == []


@pytest.mark.parametrize("name", sorted(STATEMENTS.keys() - FIRST_ROWS.keys()))
@pytest.mark.parametrize("counted", [(), COUNTED, COUNTED_EARLY], ids=["never", "late", "early"])
def test_no_statement_goes_through_all_jobs_of_a_state(name: str, counted: Statistics) -> None:
    """A hundred thousand accounts whose blocks can yet be orphaned must cost what ten do, whenever it was analysed."""
    whole = re.compile(r"SEARCH jobs USING (COVERING )?INDEX jobs_by_state \(state=\?\)")
    assert [step for step in plan_of(name, counted) if whole.match(step)] == []


@pytest.mark.parametrize("name", sorted(QUERIES))
def test_query_returns_the_fields_of_its_type(name: str) -> None:
    query = QUERIES[name]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA.read_text())
        returned = connection.execute(query.sql, ["1"] * query.sql.count("?")).description
    assert {column.name for column in columns_of(query.item)} <= {name for name, *_ in returned}


def test_statements_are_collected_from_all_parts() -> None:
    assert len(STATEMENTS) > 100
    assert not (EXEMPT.keys() | FIRST_ROWS.keys()) - STATEMENTS.keys()
