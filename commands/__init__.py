"""The command line, one file a command; here is what every command shares: configuration, errors, the ledger."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click

from chain.text import one_line
from commands.client.wallet import SignupFailedError
from commands.core_dumps import forbid_core_dumps
from jobs.errors import FaucetError
from jobs.ledger import Ledger, LedgerError
from jobs.monitoring.logs import start_logging
from jobs.settings import ConfigError, Settings, load

T = TypeVar("T")

#: End a command with their message and exit code 1.
FAILURES = (LedgerError, FaucetError, SignupFailedError, OSError)


def default_config() -> Path:
    """The file beside faucet.py, which the group puts into click's context."""
    path: Path = click.get_current_context().obj
    return path


def _always(_settings: Settings, _options: Mapping[str, Any]) -> bool:
    return True


def configured(
    command: Callable[..., None], *, needs_key: Callable[[Settings, Mapping[str, Any]], bool] = _always
) -> Callable[..., None]:
    """Give `command` the option --config, and pass it the settings that were loaded from there.

    Where settings and options say that it `needs_key` the registrar's key is among them, else it is not even read.

    A mistake in the file ends the command with exit code 2, one of FAILURES with 1; each prints one line.
    """

    @click.option("--config", type=click.Path(path_type=Path), default=default_config, show_default="config.yaml")
    def wrapped(config: Path, **options: Any) -> None:
        forbid_core_dumps()
        try:
            settings = load(config, os.environ, with_key=False)
            if needs_key(settings, options):
                settings = load(config, os.environ)
        except ConfigError as error:
            click.echo(one_line(str(error)), err=True)
            sys.exit(2)
        start_logging(settings)
        try:
            command(settings, **options)
        except FAILURES as error:
            click.echo(one_line(str(error)), err=True)
            sys.exit(1)

    wrapped.__name__ = command.__name__
    wrapped.__doc__ = command.__doc__
    wrapped.__click_params__ = [*wrapped.__click_params__, *getattr(command, "__click_params__", [])]  # type: ignore[attr-defined]  # click collects decorators' options there
    return wrapped


configured_without_key = partial(configured, needs_key=lambda _settings, _options: False)


def with_ledger(settings: Settings, use: Callable[[Ledger], Coroutine[Any, Any, T]]) -> T:
    """Open the ledger, which a server may use at the same time; returns what `use` returns."""

    async def run() -> T:
        ledger = await Ledger.open(settings.ledger)
        try:
            return await use(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())
