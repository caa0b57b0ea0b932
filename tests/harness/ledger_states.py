"""What a test makes of a ledger: a spent budget, every alarm at once, a lost table."""

import sqlite3
from pathlib import Path

from jobs.ledger import Ledger
from jobs.model.job import Job
from jobs.model.operators import Alert, Difference
from jobs.model.transaction import Kind, SignedTransaction
from tests.harness.serving import NOW


async def spend(ledger: Ledger, job: Job, cost: int) -> None:
    """Sign a registration of `job` that takes `cost`, satoshi, of the day's budget."""
    number = job.number
    transaction = SignedTransaction(
        Kind.REGISTRATION, f"{number:040x}", f"of {number}", "{}", 1, NOW + 60, (number,), (cost,), cost
    )
    await ledger.drain.record_signed([transaction])


async def raise_every_alarm(ledger: Ledger) -> None:
    """Pause the drain, raise an alert and record a difference."""
    await ledger.pauses.auto_pause("No money.")
    alert = Alert("drain", "No money.", NOW, NOW, NOW)
    await ledger.outbox.save_alerts([alert], ended=[], mails=[("subject", "body")])
    number = await ledger.reconciliation.begin(1)
    difference = Difference(5, "unknown_account", "bob-1", "The registrar registered bob-1.")
    await ledger.reconciliation.save_compared(number, 1, 7, [difference], registrations=1, payments=0)


def drop_table(folder: Path, table: str = "job_counts") -> None:
    """Damage the ledger's file: `table` is gone."""
    connection = sqlite3.connect(folder / "faucet.db")
    connection.execute(f"DROP TABLE {table}")
    connection.close()
