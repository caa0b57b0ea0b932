"""Who runs a command and why: options of every command whose action the audit keeps."""

import getpass
import os
from collections.abc import Callable

import click


def user() -> str:
    """The name of the account that runs the command, or its number if it has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in a container; which one is raised depends on Python's version
        return f"uid {os.getuid()}"


by_option = click.option("--by", default=user, show_default="you", help="Who does it, for the audit.")
reason_option = click.option("--reason", default="", help="Why, for the audit.")


def audited(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options --by and --reason."""
    return by_option(reason_option(command))
