"""`backup`: copies the ledger, also while a server uses it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from commands import configured
from jobs.ledger.backup import back_up, delete_old_backups
from jobs.settings import Settings


@click.command()
@configured
@click.argument("to", type=click.Path(path_type=Path))
@click.option(
    "--keep", type=click.IntRange(1), default=14, show_default=True, help="Copies to keep, if TO is a folder."
)
def backup(settings: Settings, to: Path, keep: int) -> None:
    """Copy the ledger while it is used: to the file TO, or to a file named by the time in the folder TO."""
    if not to.is_dir():
        back_up(settings.ledger, to)
        click.echo(f"{to} is a whole copy of the ledger")
        return
    stem = settings.ledger.stem
    copy = to / f"{stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.db"
    back_up(settings.ledger, copy)
    for old in delete_old_backups(to, f"{stem}-*Z.db", keep):
        click.echo(f"{old} is deleted")
    click.echo(f"{copy} is a whole copy of the ledger")
