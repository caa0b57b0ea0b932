"""What the ledger in PostgreSQL holds, read without any of the faucet's code."""

from tests.chaos.records import LedgerRecord
from tests.harness.remote_machines import Database


def read_ledger(database: Database) -> LedgerRecord:
    """All rows."""
    jobs = database.rows("SELECT * FROM jobs ORDER BY number")
    return LedgerRecord(jobs, database.rows("SELECT * FROM transactions ORDER BY number"))


def job_states(database: Database) -> dict[str, int]:
    """How many jobs stand in each state."""
    rows = database.rows("SELECT state, count(*) AS jobs FROM jobs GROUP BY state ORDER BY state")
    return {row["state"]: row["jobs"] for row in rows}
