"""`hash-password`: prints the line for the configuration that opens /admin."""

import sys

import click

from jobs.settings.passwords import hash_password

MIN_LENGTH = 12  #: characters; a shorter password can be guessed


def read_password() -> str:
    """The password, typed twice on a terminal, or the first line of standard input."""
    if sys.stdin.isatty():
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    return sys.stdin.readline().rstrip("\r\n")


@click.command("hash-password")
@click.option("--config", expose_value=False, help="Accepted as by every command, and ignored.")
def hash_a_password() -> None:
    """Print the configuration line with the hash of a password for /admin."""
    password = read_password()
    if not password:
        raise click.UsageError("no password was given")
    if len(password) < MIN_LENGTH:
        click.echo(f"That password has fewer than {MIN_LENGTH} characters; a longer one is safer.", err=True)
    click.echo(f'admin_password_hash: "{hash_password(password)}"')
