"""Jobs and the audit as an operator's terminal shows them."""

import sys
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from handlers.render import iso_time
from jobs.model import AuditEntry, Job

ID_WIDTH = 32  #: characters of a job's id, which must be whole to be of use
PIPE_WIDTH = 200  #: characters of a line where no terminal has a width: nothing may be cut off there


def print_jobs(jobs: Iterable[Job]) -> None:
    """Print a table of `jobs` on standard output."""
    table = Table("id", "name", "state", "account", "attempts", "updated", "reason")
    table.columns[0].no_wrap = True
    table.columns[0].min_width = ID_WIDTH
    for job in jobs:
        updated = iso_time(job.updated_at)
        table.add_row(job.id, job.signup.name, job.state, job.account_id, str(job.attempts), updated, job.reason)
    _print(table)


def print_audit(entries: Iterable[AuditEntry]) -> None:
    """Print a table of `entries` on standard output."""
    table = Table("when", "who", "what", "target", "why")
    for entry in entries:
        table.add_row(iso_time(entry.at), entry.who, entry.what, entry.target, entry.why)
    _print(table)


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
