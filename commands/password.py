"""`hash-password`: prints the configuration line for the operators' password."""

import sys

import click

from jobs.settings.passwords import hash_password

SHORT = 12  #: characters; a shorter password can be guessed


def read_password() -> str:
    """The password: typed twice on a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


@click.command("hash-password")
@click.option("--config", expose_value=False, help="Accepted as by every command; not read by this one.")
def hash_a_password() -> None:
    """Print the line for the configuration file that opens /admin with a password."""
    password = read_password()
    if not password:
        raise click.UsageError("no password was given")
    if len(password) < SHORT:
        click.echo(f"That password has fewer than {SHORT} characters; a longer one is safer.", err=True)
    click.echo(f'admin_password_hash: "{hash_password(password)}"')


COMMANDS = (hash_a_password,)
