"""`jobs`: lists jobs."""

from collections.abc import Coroutine
from typing import Any

import click
import msgspec

from commands import configured, with_ledger
from commands.terminal import print_jobs
from handlers.render import job_view
from jobs.ledger import Ledger
from jobs.model.job import Job, State
from jobs.settings import Settings


@click.command()
@configured
@click.option("--state", type=click.Choice([state.value for state in State]))
@click.option("--name", help="Of the account.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="The newest so many.")
@click.option("--held", is_flag=True, help="Those whose initial balance is held, the oldest first.")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each.")
def jobs(settings: Settings, *, state: str | None, name: str | None, limit: int, held: bool, as_json: bool) -> None:
    """List jobs, newest first; a queued job that was put off shows why."""
    if held and (state or name):
        raise click.UsageError("--held goes with neither --state nor --name")
    chosen = None if state is None else State(state)

    def find(ledger: Ledger) -> Coroutine[Any, Any, list[Job]]:
        return ledger.queries.held_jobs(limit) if held else ledger.queries.jobs(state=chosen, name=name, limit=limit)

    found = with_ledger(settings, find)
    if as_json:
        for job in found:
            click.echo(msgspec.json.encode(job_view(job)))
    else:
        print_jobs(found)
