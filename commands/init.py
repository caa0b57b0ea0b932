"""`init`: creates or migrates the ledger."""

import click

from commands import configured, with_ledger
from jobs.settings import Settings


@click.command()
@configured
def init(settings: Settings) -> None:
    """Create the ledger, or migrate it."""
    with_ledger(settings, lambda ledger: ledger.check_writable())
    name = "the database" if settings.ledger_file is None else settings.ledger_file.name
    click.echo(f"{name} is ready")
