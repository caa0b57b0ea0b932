"""What a run found: counts, and what should not have been."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.check import Records
from tests.harness.loglines import is_fault
from tests.harness.program import Program


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    counts: dict[str, int]
    differences: list[str]


def counts_of(records: Records) -> Counter[str]:
    """How much is in each of the records."""
    counts: Counter[str] = Counter()
    counts["signups posted"] = len(records.clients)
    counts["answered 200"] = sum(bool(client.jobs) for client in records.clients)
    counts["answered account_exists"] = sum(client.exists for client in records.clients)
    counts.update(Counter(f"jobs {job['state']}" for job in records.ledger.jobs))
    counts.update(Counter(f"transactions {row['fate']}" for row in records.ledger.transactions))
    counts["accounts on the chain"] = len(records.chain.registrations)
    counts["initial balances on the chain"] = len(records.chain.payments)
    counts["satoshi spent"] = records.chain.spent
    return counts


def complaints(log: Path) -> list[str]:
    """Tracebacks and critical lines in a faucet's log."""
    lines = log.read_text(errors="replace").splitlines()
    return [f"the log has: {line}" for line in lines if is_fault(line)]


async def reconciled(config: Path, log: Path) -> list[str]:
    """What `reconcile` says, which must find nothing either."""
    arguments = ("reconcile", "--config", str(config), "--from-block", "1")
    program = await Program.start(*arguments, log=log)
    return [] if await program.ended() == 0 else [f"reconcile says: {program.lines[0]}"]
