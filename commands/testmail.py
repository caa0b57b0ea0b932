"""`testmail`: sends a mail to the operators, to see whether it arrives."""

import asyncio
import sys
import time

import click

from chain.text import one_line
from commands import configured
from jobs.monitoring.mailer import MailError, compose, send
from jobs.settings import Settings

BODY = "This faucet's mails arrive. It writes when the registrar's balance is low, or when nothing is registered."


@click.command()
@configured
def testmail(settings: Settings) -> None:
    """Send a mail to the admins; exit 1 if the mail server does not take it for each of them."""
    for key in ("mail_host", "admins"):
        if not getattr(settings, key):
            click.echo(f"{key} is not configured: no mail is ever sent", err=True)
            sys.exit(1)
    message = compose(settings, f"Faucet {settings.registrar}: a test", f"{BODY}\n", time.time())
    try:
        refusals = asyncio.run(send(settings, message))
    except MailError as error:
        click.echo(f"{settings.mail_host} did not take it: {one_line(str(error))}", err=True)
        sys.exit(1)
    refused = {refusal.address for refusal in refusals}
    click.echo(
        f"{settings.mail_host} took a mail to {', '.join(each for each in settings.admins if each not in refused)}"
    )
    for refusal in refusals:
        click.echo(f"{settings.mail_host} did not take it for all: {one_line(str(refusal))}", err=True)
    sys.exit(1 if refusals else 0)
