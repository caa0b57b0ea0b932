"""Which faucet a client command calls."""

import click

from jobs.model.api_key import hash_of_key
from jobs.settings import Settings

url_option = click.option("--url", default=None, help="Of the faucet; default: the one of this configuration.")


def _checked_key(_context: click.Context, _parameter: click.Parameter, key: str | None) -> str | None:
    if key is not None and hash_of_key(key) is None:
        raise click.BadParameter("that is no API key")
    return key


#: Better in the environment: everybody on the machine can read the arguments of a command.
api_key_option = click.option(
    "--api-key", envvar="FAUCET_API_KEY", show_envvar=True, callback=_checked_key, help="API key of this client."
)


def authorization(api_key: str | None) -> dict[str, str]:
    """The headers of a client's signups."""
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def faucet_url(settings: Settings, url: str | None) -> str:
    """The URL of the faucet, without a slash at its end: `url`, or the address that the settings serve on."""
    return (url or f"http://{settings.host}:{settings.port}").rstrip("/")
