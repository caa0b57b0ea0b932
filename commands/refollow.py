"""`refollow`: forgets the blocks that were followed, so that a running faucet reads them again."""

import click

from commands import configured, with_ledger
from commands.audited import audited
from jobs.settings import Settings


@click.command()
@configured
@audited
def refollow(settings: Settings, by: str, reason: str) -> None:
    """Forget the blocks that were followed, after a node made some up; a running faucet reads them again."""
    blocks = with_ledger(settings, lambda ledger: ledger.operators.refollow(by=by, reason=reason))
    click.echo(f"{blocks} blocks are forgotten; a running faucet reads them anew, without a restart")
