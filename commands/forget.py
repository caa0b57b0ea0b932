"""`forget`: erases the personal data of who signed up."""

import click

from commands import configured_without_key, with_ledger
from commands.audited import audited
from jobs.settings import Settings


@click.command()
@configured_without_key
@click.argument("name")
@audited
def forget(settings: Settings, name: str, by: str, reason: str) -> None:
    """Erase mail address, real name and reference code of all signups of the account NAME.

    Name and keys stay, as they do on the chain.
    """
    erased = with_ledger(settings, lambda ledger: ledger.operators.forget(name, by=by, reason=reason))
    for job in erased:
        click.echo(f"{job.id}: erased {', '.join(job.fields)}")
    if not erased:
        click.echo(f"no personal data of {name} are stored")
