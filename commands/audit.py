"""`audit`: lists what operators did."""

import click

from commands import configured, with_ledger
from commands.terminal import print_audit
from jobs.settings import Settings


@click.command()
@configured
@click.option("--target", help="Only what was done to this job or part.")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="The newest so many.")
def audit(settings: Settings, target: str | None, limit: int) -> None:
    """List what operators did, newest first."""
    print_audit(with_ledger(settings, lambda ledger: ledger.operators.audit(target=target, limit=limit)))
