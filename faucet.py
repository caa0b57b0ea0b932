#!/usr/bin/env python3
"""The command line: the group of all commands."""

import os
from pathlib import Path

import click

from commands.api_keys import api_keys, create_api_key, revoke_api_key
from commands.audit import audit
from commands.backup import backup
from commands.bulk import bulk
from commands.check import check
from commands.devchain import devchain
from commands.end_sessions import end_sessions
from commands.export import export
from commands.forget import forget
from commands.hash_password import hash_a_password
from commands.init import init
from commands.invitations import invitations, invite, revoke_invitation
from commands.job_actions import cancel, fail, release, retry
from commands.jobs import jobs
from commands.move import move
from commands.pause import pause, resume
from commands.reconcile import reconcile
from commands.refollow import refollow
from commands.serve import serve, worker
from commands.signup import signup
from commands.testmail import testmail
from commands.waive import waive


@click.group(context_settings={"help_option_names": ["-h", "--help"], "obj": Path(__file__).with_name("config.yaml")})
def main() -> None:
    """Account faucet for Graphene chains: a name and three public keys become an account."""
    # Whatever a command makes is for its user alone.
    os.umask(0o077)


for command in (
    serve, worker, devchain, check, reconcile, init, jobs, retry, cancel, fail, release, waive, forget, pause, resume,
    refollow, export, audit, end_sessions, invite, invitations, revoke_invitation, create_api_key, api_keys,
    revoke_api_key, backup, move, signup, bulk, testmail, hash_a_password,
):  # fmt: skip
    main.add_command(command)


if __name__ == "__main__":
    main()
