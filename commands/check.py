"""`check`: whether everything that registering needs is in place."""

import asyncio
import sys

import click

from commands import configured
from commands.chain import open_chain
from commands.preflight import preflight
from jobs.settings import Settings


@click.command()
@configured
def check(settings: Settings) -> None:
    """Look at everything that registering needs; exit 1 if something fails."""

    async def look() -> bool:
        dev_chain, urls, key = await open_chain(settings, keep=False)
        ok = True
        async for finding in preflight(settings, urls, key):
            click.echo(f"{'ok  ' if finding.ok else 'FAIL'} {finding.name}: {finding.text}")
            ok = ok and finding.ok
        if dev_chain is not None:
            await dev_chain.stop()
        return ok

    sys.exit(0 if asyncio.run(look()) else 1)
