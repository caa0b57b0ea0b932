"""Output on a terminal: tables of jobs and of the audit, a progress bar of signups."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress
from rich.table import Table
from rich.text import Text

from chain.text import one_line
from commands.client.results import Outcome
from handlers.render import iso_time
from jobs.model.api_key import ApiKey
from jobs.model.invitation import Invitation
from jobs.model.job import Job
from jobs.model.operators import AuditEntry

ID_WIDTH = 32  #: characters of a job's id, which must not be cut
PIPE_WIDTH = 200  #: characters of a line if the output is no terminal, so that nothing is cut


def print_jobs(jobs: Iterable[Job]) -> None:
    """Print `jobs` as a table on standard output."""
    table = Table("id", "name", "state", "account", "attempts", "updated", "reason")
    table.columns[0].no_wrap = True
    table.columns[0].min_width = ID_WIDTH
    for job in jobs:
        updated = iso_time(job.updated_at)
        _add_row(table, job.id, job.signup.name, job.state, job.account_id, str(job.attempts), updated, job.reason)
    _print(table)


def print_audit(entries: Iterable[AuditEntry]) -> None:
    """Print `entries` as a table on standard output."""
    table = Table("when", "who", "what", "target", "why")
    for entry in entries:
        _add_row(table, iso_time(entry.at), entry.who, entry.what, entry.target, entry.why)
    _print(table)


def print_invitations(found: Iterable[tuple[Invitation, list[str]]]) -> None:
    """Print invitations, each with the names that used it, as a table on standard output."""
    table = Table("number", "code", "used", "of", "balance", "until", "note", "by whom it was used")
    for each, names in found:
        ends = None if each.expires_at is None else iso_time(each.expires_at)
        until = ends if each.revoked_at is None else "revoked"
        numbers = (str(each.number), f"{each.hint}-…", str(each.used), str(each.uses))
        _add_row(table, *numbers, each.initial_balance, until, each.note, ", ".join(names))
    _print(table)


def print_api_keys(found: Iterable[ApiKey]) -> None:
    """Print API keys as a table on standard output."""
    table = Table("number", "key", "name", "a minute", "a day", "origins", "last used", "revoked")
    for each in found:
        used, revoked = (None if at is None else iso_time(at) for at in (each.used_at, each.revoked_at))
        numbers = (str(each.number), f"{each.hint}…", each.name, str(each.per_minute), str(each.per_day))
        _add_row(table, *numbers, " ".join(each.origins), used, revoked)
    _print(table)


@contextmanager
def signup_progress(total: int) -> "Iterator[SignupProgress]":
    """Show the progress of `total` signups on standard error."""
    console = Console(stderr=True)
    columns = (*Progress.get_default_columns(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield SignupProgress(bar, total)


class SignupProgress:
    """A bar on a terminal, elsewhere a line for each outcome; and the reason of each wait."""

    def __init__(self, bar: Progress, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("signups", total=total)
        self._reason = ""

    def advance(self) -> None:
        """Count a signup that an earlier run has done."""
        self._bar.advance(self._task)

    def report(self, outcome: Outcome) -> None:
        """Count a signup, and print its outcome if there is no bar."""
        self._reason = ""
        self.advance()
        if self._bar.disable:
            self._echo(f"{outcome.name} {outcome.outcome} {outcome.account_id}".rstrip())

    def wait(self, reason: str) -> None:
        """Print the reason of a wait, once however many signups wait for it."""
        if reason != self._reason:
            self._reason = reason
            self._echo(f"waiting: {reason}")

    def _echo(self, text: str) -> None:
        self._bar.console.print(one_line(text), markup=False, highlight=False, soft_wrap=True)


def _add_row(table: Table, *cells: str | None) -> None:
    """Add `cells` as they are: no markup is read in them."""
    table.add_row(*(None if cell is None else Text(one_line(cell)) for cell in cells))


def _print(table: Table) -> None:
    Console(width=None if sys.stdout.isatty() else PIPE_WIDTH).print(table)
