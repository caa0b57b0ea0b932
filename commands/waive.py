"""`waive`: drops the initial balances that are still owed."""

import click

from commands import configured, with_ledger
from commands.audited import audited
from jobs.monitoring.notices import check_waivable
from jobs.settings import Settings


@click.command()
@configured
@audited
def waive(settings: Settings, by: str, reason: str) -> None:
    """Drop all initial balances that are still owed, once initial balances are switched off."""
    check_waivable(settings)
    waived = with_ledger(settings, lambda ledger: ledger.operators.waive(by=by, reason=reason))
    click.echo(f"initial balances waived: {waived}")
