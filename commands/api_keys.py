"""`create-api-key`, `api-keys` and `revoke-api-key`: let wallets and integrators in by keys."""

import secrets

import click
import msgspec

from commands import configured_without_key, with_ledger
from commands.audited import audited, by_option
from commands.terminal import print_api_keys
from jobs.model.api_key import MAX_RATE, NewApiKey, new_key
from jobs.settings import Settings
from jobs.ways.api_keys import new_api_key

_DEFAULT = NewApiKey("")


@click.command("create-api-key")
@configured_without_key
@click.argument("name")
@click.option(
    "--per-minute", type=click.IntRange(1, MAX_RATE), default=_DEFAULT.per_minute, show_default=True,
    help="Signups within a minute.",
)  # fmt: skip
@click.option(
    "--per-day", type=click.IntRange(1, MAX_RATE), default=_DEFAULT.per_day, show_default=True,
    help="Signups within a day.",
)  # fmt: skip
@click.option(
    "--origin", "origins", multiple=True, help="Of pages that may use it, and nobody else; as often as needed."
)
@by_option
def create_api_key(
    settings: Settings, *, name: str, per_minute: int, per_day: int, origins: tuple[str, ...], by: str
) -> None:
    """Create an API key for NAME, a wallet or an integrator, and print it: the ledger keeps only its hash."""
    key = new_key(secrets.choice)
    created = new_api_key(name=name, per_minute=per_minute, per_day=per_day, origins=origins)
    with_ledger(settings, lambda ledger: ledger.api_keys.create(key, created, by=by))
    click.echo(key)


@click.command("api-keys")
@configured_without_key
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each.")
def api_keys(settings: Settings, *, as_json: bool) -> None:
    """List the newest API keys, what each may do and when it was used last."""
    found = with_ledger(settings, lambda ledger: ledger.api_keys.newest())
    if as_json:
        for each in found:
            click.echo(msgspec.json.encode(each))
    else:
        print_api_keys(found)


@click.command("revoke-api-key")
@configured_without_key
@click.argument("number", type=click.IntRange(1))
@audited
def revoke_api_key(settings: Settings, number: int, by: str, reason: str) -> None:
    """End the API key of this NUMBER: nobody else can use it."""
    revoked = with_ledger(settings, lambda ledger: ledger.api_keys.revoke(number, by=by, reason=reason))
    click.echo("the API key is revoked" if revoked else "it was revoked before")
