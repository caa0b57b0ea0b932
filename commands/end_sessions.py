"""`end-sessions`: logs all operators out."""

import click

from commands import configured_without_key, with_ledger
from commands.audited import audited
from jobs.settings import Settings


@click.command("end-sessions")
@configured_without_key
@audited
def end_sessions(settings: Settings, by: str, reason: str) -> None:
    """Log all operators out of /admin, in every browser."""
    with_ledger(settings, lambda ledger: ledger.sessions.end_all(by=by, reason=reason))
    click.echo("all sessions are ended")
