"""A write by a machine that does not own the chain is seen, or a run would prove nothing."""

from pathlib import Path

import psycopg

from jobs.ledger import Ledger
from jobs.model.owner import Candidate
from tests.harness.engines import Databases
from tests.harness.ledger_audit import LedgerAudit, strays
from tests.harness.postgresql import Server
from tests.harness.remote_machines import Database

WRITE = "INSERT INTO blocks (number, id) VALUES (%s, 'any')"


async def test_writes_of_another_machine_than_the_owner_are_told(
    tmp_path: Path, postgresql: Server, databases: Databases
) -> None:
    database = Database(postgresql, databases.schema_of(tmp_path))
    ledger = await Ledger.open(databases.url_of(tmp_path))
    audit = LedgerAudit(database)
    audit.install()
    await ledger.lease.acquire(Candidate("bob", "a process"), 10.0)
    for number, machine in enumerate(("bob", "ann")):
        with psycopg.connect(databases.url_of(tmp_path), application_name=machine) as session:
            session.execute(WRITE, (number,))
    await ledger.close()
    assert strays(audit.writes()) == ["epoch 1 was bob's, and ann wrote to blocks, 1 statements"]
    with postgresql.connect() as session:
        session.execute(f"DROP SCHEMA audit_of_{database.schema} CASCADE")
