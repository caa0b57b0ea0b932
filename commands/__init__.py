"""The commands that work on the ledger, or on a faucet that runs elsewhere."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import click

from commands.client.wallet import SignupFailedError
from jobs.errors import FaucetError
from jobs.ledger import Ledger, LedgerError
from jobs.monitoring.logs import start_logging
from jobs.settings import ConfigError, Settings, load

T = TypeVar("T")

#: What ends a command with its sentence and exit code 1.
FAILURES = (LedgerError, FaucetError, SignupFailedError, OSError)


def default_config() -> Path:
    """The file beside the program, which puts it into click's context."""
    path: Path = click.get_current_context().obj
    return path


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the option --config, and the settings in its place.

    The default is the object of click's context. A mistake in the file ends the command with exit code 2, one of
    FAILURES with 1, each with one line.
    """

    @click.option("--config", type=click.Path(path_type=Path), default=default_config, show_default="config.yaml")
    def wrapped(config: Path, **options: Any) -> None:
        try:
            settings = load(config, os.environ)
        except ConfigError as error:
            click.echo(str(error), err=True)
            sys.exit(2)
        start_logging(settings)
        try:
            command(settings, **options)
        except FAILURES as error:
            click.echo(str(error), err=True)
            sys.exit(1)

    wrapped.__name__ = command.__name__
    wrapped.__doc__ = command.__doc__
    wrapped.__click_params__ = [*wrapped.__click_params__, *getattr(command, "__click_params__", [])]  # type: ignore[attr-defined]  # where click keeps what its decorators collect
    return wrapped


def with_ledger(settings: Settings, work: Callable[[Ledger], Coroutine[Any, Any, T]]) -> T:
    """What `work` returns for the open ledger, which a running server may use at the same time."""

    async def run() -> T:
        ledger = await Ledger.open(settings.ledger)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())
