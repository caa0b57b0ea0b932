"""`check`: whether everything that registering needs is in place."""

import asyncio
import sys

import click

from chain.text import one_line
from commands import configured
from commands.chain import open_chain_to_check
from commands.preflight import preflight
from jobs.settings import Settings


@click.command()
@configured
def check(settings: Settings) -> None:
    """Check everything that registering needs; exit 1 if something fails."""
    sys.exit(0 if asyncio.run(_print_checks(settings)) else 1)


async def _print_checks(settings: Settings) -> bool:
    """Print each line as soon as it is known; whether none fails."""
    dev_chain, urls, key = await open_chain_to_check(settings)
    ok = True
    async for line in preflight(settings, urls, key):
        click.echo(f"{'ok  ' if line.ok else 'FAIL'} {line.name}: {one_line(line.text)}")
        ok = ok and line.ok
    if dev_chain is not None:
        await dev_chain.stop()
    return ok
