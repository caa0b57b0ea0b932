"""`move`: moves the ledger to PostgreSQL, or back to a file."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TaskID

from commands import configured_without_key
from jobs.ledger.engines import Location
from jobs.ledger.move.mover import Moved, Report
from jobs.ledger.move.mover import move as move_ledger
from jobs.ledger.move.places import place_of
from jobs.settings import Settings, location
from jobs.settings.values import ValueProblemError


def _location(_context: click.Context, parameter: click.Parameter, value: str | None) -> Location | None:
    """The file or URL, whose names of files are relative to the working folder."""
    try:
        return None if value is None else location.resolve(location.location(value), Path.cwd(), os.environ)
    except ValueProblemError as error:
        raise click.UsageError(f"{parameter.opts[0]} {error}") from None


@click.command()
@configured_without_key
@click.option("--to", "target", required=True, callback=_location, help="A new file, or the URL of an empty database.")
@click.option("--from", "source", callback=_location, help="Default: the configuration's ledger.")
def move(settings: Settings, target: Location, source: Location | None) -> None:
    """Move the ledger to PostgreSQL, or from there to a file; the faucets on it must be stopped.

    All of it is copied and compared; only then the new ledger can be used, and the old one no more. A move that is
    interrupted goes on when the same command is run again.
    """
    source = settings.ledger if source is None else source
    try:
        with _progress() as report:
            moved = move_ledger(source, target, report)
    except KeyboardInterrupt:
        click.echo("interrupted: the ledger is where it was; run the same command again to go on", err=True)
        sys.exit(130)
    _print_result(place_of(source), place_of(target), moved)


@contextmanager
def _progress() -> Iterator[Report]:
    """Show on standard error what is done, a bar for each part of it."""
    console = Console(stderr=True)
    with Progress(*Progress.get_default_columns(), MofNCompleteColumn(), console=console) as bars:
        tasks: dict[str, TaskID] = {}

        def report(task: str, done: int, total: int) -> None:
            if task not in tasks:
                tasks[task] = bars.add_task(task)
            bars.update(tasks[task], completed=done, total=total)

        yield report


def _print_result(source: str, target: str, moved: Moved) -> None:
    for table, rows in moved.rows.items():
        click.echo(f"{rows:>10} {table}")
    click.echo("the number and the checksum of the rows of each table are the same in both ledgers")
    if moved.changed_texts:
        click.echo(f"in {moved.changed_texts} of them U+FFFD stands for a character that PostgreSQL can't hold")
    click.echo("sessions were left out: operators log in again")
    click.echo(f"{source} was moved to {target}: set `ledger` to that, and start the faucet")
