#!/usr/bin/env python3
"""The faucet's command line."""

from pathlib import Path

import click

from commands import ledger, mail, password, signup
from commands.check import check
from commands.devchain import devchain
from commands.reconcile import reconcile
from commands.serve import serve, worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "obj": Path(__file__).with_name("config.yaml")})
def main() -> None:
    """Account faucet for Graphene chains: a name and three public keys become an account."""


COMMANDS = (
    serve, worker, devchain, check, reconcile,
    *signup.COMMANDS, *ledger.COMMANDS, *mail.COMMANDS, *password.COMMANDS,
)  # fmt: skip
for command in COMMANDS:
    main.add_command(command)


if __name__ == "__main__":
    main()
