"""A wallet on the command line, for a faucet that runs somewhere."""

import asyncio
import secrets

import click

from handlers.commands import configured
from jobs.config import Settings
from jobs.wallet import sign_up


def url_of(settings: Settings, url: str | None) -> str:
    """The faucet to call: the one asked for, else that of the configuration."""
    return (url or f"http://{settings.host}:{settings.port}").rstrip("/")


@click.command()
@configured
@click.argument("name")
@click.option("--url", default=None, help="Of the faucet; default: the one of this configuration.")
@click.option("--password", default=None, help="The keys come from it; without it, one is made and shown.")
def signup(settings: Settings, name: str, url: str | None, password: str | None) -> None:
    """Sign NAME up as a wallet does, wait for the account, and print its id."""
    if password is None:
        password = secrets.token_urlsafe(24)
        click.echo(f"password {password}", err=True)
    job = asyncio.run(sign_up(url_of(settings, url), name, password))
    click.echo(job["account_id"])


COMMANDS = (signup,)
