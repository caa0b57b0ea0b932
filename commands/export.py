"""`export`: prints jobs as CSV."""

import click

from commands import configured, with_ledger
from commands.audited import by_option
from handlers.spreadsheet import csv_of_jobs
from jobs.ledger import Ledger
from jobs.model.job import State
from jobs.settings import Settings


@click.command()
@configured
@click.option(
    "--search",
    default="",
    help="A job's id, an account's, a transaction's, key:NUMBER of an API key, or how a name begins.",
)
@click.option("--state", type=click.Choice([state.value for state in State]))
@by_option
def export(settings: Settings, search: str, state: str | None, by: str) -> None:
    """Print jobs as CSV: all of them, or those that a search finds."""

    async def write(ledger: Ledger) -> None:
        async for lines in csv_of_jobs(ledger, search, None if state is None else State(state), by=by):
            click.echo(lines, nl=False)

    with_ledger(settings, write)
