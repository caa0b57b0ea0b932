"""`backup`: copies the ledger, also while a server uses it."""

from datetime import UTC, datetime
from pathlib import Path

import click

from commands import configured_without_key
from jobs.ledger import LedgerError
from jobs.ledger.backup import back_up, delete_old_backups, name_of_backup
from jobs.settings import Settings

#: How the name of a file ends. Any other name that is not there yet is taken for a folder's.
ENDINGS = (".db", ".sqlite", ".sqlite3", ".bak")


@click.command()
@configured_without_key
@click.argument("to")
@click.option(
    "--keep", type=click.IntRange(1), default=14, show_default=True, help="Copies to keep, if TO is a folder."
)
@click.option("--personal", is_flag=True, help="Copy mail addresses, real names and reference codes, too.")
def backup(settings: Settings, to: str, keep: int, *, personal: bool) -> None:
    """Copy the ledger while it is used: to the file TO, or to a file named by the time in the folder TO.

    Client addresses and sessions are left out, and personal data of signups: no copy has to be searched for them when
    somebody is to be forgotten.
    """
    if not to:  # such as an unset variable of a shell, which would mean the folder of whoever calls
        raise LedgerError("TO is empty: there is no folder of this name")
    target = Path(to)
    if (ledger := settings.ledger_file) is None:
        raise LedgerError("the ledger is in PostgreSQL, whose own pg_dump copies it")
    if target.is_dir():
        _back_up_to_folder(ledger, target, keep, personal=personal)
        return
    if not target.exists() and (to.endswith("/") or target.suffix not in ENDINGS):
        raise LedgerError(f"{to}: there is no folder of this name (the name of a file ends in {', '.join(ENDINGS)})")
    back_up(ledger, target, personal=personal)
    click.echo(f"{target} is a whole copy of the ledger")


def _back_up_to_folder(ledger: Path, folder: Path, keep: int, *, personal: bool) -> None:
    copy = folder / name_of_backup(ledger, datetime.now(UTC))
    back_up(ledger, copy, personal=personal)
    for old in delete_old_backups(ledger, copy, keep):
        click.echo(f"{old} is deleted")
    click.echo(f"{copy} is a whole copy of the ledger")
