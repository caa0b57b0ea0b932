"""A wallet on the command line, for a faucet that runs somewhere."""

import asyncio
import secrets
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click

from commands import configured
from commands.client.bulk import REGISTERED, Bulk, BulkError, Outcome, Results, Row, read_rows
from commands.client.wallet import prefix_of, sign_up
from commands.terminal import signup_progress
from jobs.settings import Settings

ALREADY = "registered before"  #: how rows count that an earlier run has done


def url_of(settings: Settings, url: str | None) -> str:
    """The faucet to call: the one asked for, else that of the configuration."""
    return (url or f"http://{settings.host}:{settings.port}").rstrip("/")


@click.command()
@configured
@click.argument("name")
@click.option("--url", default=None, help="Of the faucet; default: the one of this configuration.")
@click.option("--password", default=None, help="The keys come from it; without it, one is made and shown.")
def signup(settings: Settings, name: str, url: str | None, password: str | None) -> None:
    """Sign NAME up as a wallet does, wait for the account, and print its id."""
    if password is None:
        password = secrets.token_urlsafe(24)
        click.echo(f"password {password}", err=True)
    job = asyncio.run(sign_up(url_of(settings, url), name, password))
    click.echo(job["account_id"])


@click.command()
@configured
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--url", default=None, help="Of the faucet; default: the one of this configuration.")
@click.option("--concurrency", type=click.IntRange(1, 1000), default=20, show_default=True, help="Signups at a time.")
def bulk(settings: Settings, file: Path, url: str | None, concurrency: int) -> None:
    """Sign up every row of FILE, a CSV; outcomes go to FILE.results.csv, and what is done there is not sent again.

    Columns: name, and owner_key, active_key, memo_key or password; also referrer, refcode, email, real_name.
    """
    try:
        total = sum(1 for _ in read_rows(file))  # reads it whole, so that nothing is sent of a file with a mistake
    except BulkError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    outcomes = asyncio.run(_sign_up_all(url_of(settings, url), file, concurrency, total))
    for outcome, count in sorted(outcomes.items()):
        click.echo(f"{count:>8} {outcome}")
    sys.exit(0 if set(outcomes) <= {REGISTERED, ALREADY} else 1)


async def _sign_up_all(url: str, file: Path, concurrency: int, total: int) -> Counter[str]:
    """How many rows came to which outcome."""
    prefix = await prefix_of(url, lambda: True)
    results = Results(file.with_name(f"{file.name}.results.csv"))
    done = results.registered()
    already: Counter[str] = Counter()
    with results.written() as write, signup_progress(total) as progress:

        def left() -> Iterator[Row]:
            for row in read_rows(file):
                if row.name not in done:
                    yield row
                    continue
                already[ALREADY] += 1
                progress.advance()

        def tell(outcome: Outcome) -> None:
            write(outcome)
            progress.tell(outcome)

        client = Bulk(url, prefix, concurrency=concurrency, on_wait=progress.wait)
        return await client.run(left(), tell) + already


COMMANDS = (signup, bulk)
