"""Jobs, the audit and the progress of many signups as an operator's terminal shows them."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table

from commands.client.bulk import Outcome
from handlers.render import iso_time
from jobs.model.job import Job
from jobs.model.operators import AuditEntry

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


@contextmanager
def signup_progress(total: int) -> "Iterator[SignupProgress]":
    """How far `total` signups are, on standard error."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield SignupProgress(bar, total)


class SignupProgress:
    """A bar on a terminal, elsewhere a line for each outcome; and why it stands still."""

    def __init__(self, bar: Progress, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("signups", total=total)
        self._waits_for = ""

    def advance(self) -> None:
        """One more is done."""
        self._bar.advance(self._task)

    def tell(self, outcome: Outcome) -> None:
        """One more has its outcome."""
        self._waits_for = ""
        self.advance()
        if self._bar.disable:
            self._say(f"{outcome.name} {outcome.outcome} {outcome.account_id}".rstrip())

    def wait(self, why: str) -> None:
        """Say once why nothing comes, however many wait for the same."""
        if why != self._waits_for:
            self._waits_for = why
            self._say(f"waiting: {why}")

    def _say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
