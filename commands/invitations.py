"""`invite`, `invitations` and `revoke-invitation`: let people in by codes."""

import secrets
from functools import partial
from pathlib import Path

import click
import msgspec

from commands import configured_without_key, with_ledger
from commands.audited import audited, by_option
from commands.terminal import print_invitations
from handlers.invitation_sheet import csv_of_codes, sheet_of
from jobs.ledger import Ledger
from jobs.model.codes import new_code
from jobs.model.invitation import MAX_USES, Invitation
from jobs.settings import Settings
from jobs.ways.invitations import MAX_CODES, MAX_DAYS, new_invitation


@click.command()
@configured_without_key
@click.option("--count", type=click.IntRange(1, MAX_CODES), default=1, show_default=True, help="Codes to make.")
@click.option("--uses", type=click.IntRange(1, MAX_USES), default=1, show_default=True, help="Accounts for each code.")
@click.option("--days", type=click.IntRange(1, MAX_DAYS), help="Days until they end; never without.")
@click.option("--balance", default="", help="Initial balance, core asset, instead of the configured one.")
@click.option("--note", default="", help="For whom or what they are.")
@click.option("--csv", "csv_file", type=click.Path(path_type=Path), help="A file for the codes.")
@click.option("--sheet", type=click.Path(path_type=Path), help="An HTML file to print them from.")
@click.option("--url", help="Of the signup page: then the sheet's QR codes lead there.")
@by_option
def invite(
    settings: Settings, *, count: int, uses: int, days: int | None, balance: str, note: str,
    csv_file: Path | None, sheet: Path | None, url: str | None, by: str,
) -> None:  # fmt: skip
    """Make codes of invitations, and print them: the ledger keeps none."""
    codes = [new_code(secrets.choice) for _ in range(count)]

    async def make(ledger: Ledger) -> None:
        precision = (await ledger.chain_status.load()).precision
        invitation = new_invitation(
            uses=uses, days=days, balance=balance, note=note, now=ledger.now(), settings=settings, precision=precision
        )
        await ledger.invitations.make(codes, invitation, by=by)

    # They are written first: a code that only the ledger knows is lost.
    for file, text in ((csv_file, partial(csv_of_codes, codes)), (sheet, partial(sheet_of, codes, note, url))):
        if file is not None:
            file.write_text(text())
    with_ledger(settings, make)
    if csv_file is None and sheet is None:
        click.echo("\n".join(codes))
    else:
        click.echo(f"{count} invitations are made")


@click.command()
@configured_without_key
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each.")
def invitations(settings: Settings, *, as_json: bool) -> None:
    """List the newest invitations, how often each was used and by whom."""

    async def find(ledger: Ledger) -> list[tuple[Invitation, list[str]]]:
        found = await ledger.invitations.newest()
        return [(each, [name for _, name, _ in await ledger.invitations.jobs(each.number)]) for each in found]

    found = with_ledger(settings, find)
    if as_json:
        for each, names in found:
            click.echo(msgspec.json.encode({**msgspec.structs.asdict(each), "names": names}))
    else:
        print_invitations(found)


@click.command("revoke-invitation")
@configured_without_key
@click.argument("number", type=click.IntRange(1))
@audited
def revoke_invitation(settings: Settings, number: int, by: str, reason: str) -> None:
    """End the invitation of this NUMBER: nobody else can use it."""
    revoked = with_ledger(settings, lambda ledger: ledger.invitations.revoke(number, by=by, reason=reason))
    click.echo("the invitation is revoked" if revoked else "it was revoked before")
