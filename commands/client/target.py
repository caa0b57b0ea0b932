"""Which faucet a client command calls."""

import click

from jobs.settings import Settings

url_option = click.option("--url", default=None, help="Of the faucet; default: the one of this configuration.")


def faucet_url(settings: Settings, url: str | None) -> str:
    """The URL of the faucet, without a slash at its end: `url`, or the address that the settings serve on."""
    return (url or f"http://{settings.host}:{settings.port}").rstrip("/")
