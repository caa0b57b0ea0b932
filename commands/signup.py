"""`signup`: signs one name up as a wallet does."""

import asyncio
import secrets

import click

from commands import configured
from commands.client.target import api_key_option, authorization, faucet_url, url_option
from commands.client.wallet import sign_up
from jobs.settings import Settings


@click.command()
@configured
@click.argument("name")
@url_option
@click.option("--password", default=None, help="The keys come from it; without it, one is made and shown.")
@click.option("--invite", help="Code of an invitation.")
@api_key_option
def signup(
    settings: Settings, *, name: str, url: str | None, password: str | None, invite: str | None, api_key: str | None
) -> None:
    """Sign NAME up as a wallet does, wait for the account, and print its id."""
    if password is None:
        password = secrets.token_urlsafe(24)
        click.echo(f"password {password}", err=True)
    job = asyncio.run(sign_up(faucet_url(settings, url), name, password, invite=invite, headers=authorization(api_key)))
    click.echo(job["account_id"])
