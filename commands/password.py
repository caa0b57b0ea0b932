"""The password of the operators, which is kept as a hash only."""

import sys

import click

from jobs.settings.passwords import hash_password

SHORT = 12  #: characters; a shorter password is found sooner or later


def read_password() -> str:
    """What is typed twice on a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


@click.command("hash-password")
@click.option("--config", expose_value=False, help="Taken like by every command; this one reads none.")
def hash_a_password() -> None:
    """Print the line for the configuration file that lets /admin be opened with a password."""
    password = read_password()
    if not password:
        raise click.UsageError("no password was given")
    if len(password) < SHORT:
        click.echo(f"That password has fewer than {SHORT} characters; a longer one is safer.", err=True)
    click.echo(f'admin_password_hash: "{hash_password(password)}"')


COMMANDS = (hash_a_password,)
