"""`bulk`: signs up every row of a CSV file."""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from commands import configured
from commands.client.bulk import Bulk
from commands.client.results import REGISTERED, Outcome, Results
from commands.client.rows import BulkError, Row, read_rows
from commands.client.target import api_key_option, authorization, faucet_url, url_option
from commands.client.wallet import prefix_of
from commands.terminal import signup_progress
from jobs.settings import Settings

REGISTERED_BEFORE = "registered before"  #: the outcome of a row that an earlier run has done


@click.command()
@configured
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@url_option
@api_key_option
@click.option("--concurrency", type=click.IntRange(1, 1000), default=20, show_default=True, help="Signups at a time.")
def bulk(settings: Settings, *, file: Path, url: str | None, api_key: str | None, concurrency: int) -> None:
    """Sign up every row of FILE, a CSV; outcomes go to FILE.results.csv, and rows that are done there are skipped.

    Columns: name, and owner_key, active_key, memo_key or password; also referrer, refcode, email, real_name.
    """
    try:
        total = sum(1 for _ in read_rows(file))  # reads all of it, so that a file with a mistake sends nothing
    except BulkError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    outcomes = asyncio.run(_sign_up_all(faucet_url(settings, url), authorization(api_key), file, concurrency, total))
    for outcome, count in sorted(outcomes.items()):
        click.echo(f"{count:>8} {outcome}")
    sys.exit(0 if set(outcomes) <= {REGISTERED, REGISTERED_BEFORE} else 1)


async def _sign_up_all(url: str, headers: Mapping[str, str], file: Path, concurrency: int, total: int) -> Counter[str]:
    """The number of rows by outcome."""
    prefix = await prefix_of(url, lambda: True)
    results = Results(file.with_name(f"{file.name}.results.csv"))
    done = results.registered()
    skipped: Counter[str] = Counter()
    with results.writer() as write, signup_progress(total) as progress:

        def remaining() -> Iterator[Row]:
            for row in read_rows(file):
                if row.name not in done:
                    yield row
                    continue
                skipped[REGISTERED_BEFORE] += 1
                progress.advance()

        def report(outcome: Outcome) -> None:
            write(outcome)
            progress.report(outcome)

        client = Bulk(url, prefix, concurrency=concurrency, headers=headers, on_wait=progress.wait)
        return await client.run(remaining(), report) + skipped
