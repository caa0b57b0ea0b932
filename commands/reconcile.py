"""`reconcile`: compares the ledger with the chain."""

import asyncio
import contextlib
import sys
import time

import click
from rich.console import Console
from rich.progress import Progress

from chain.errors import LinkError, Refused
from chain.node import Node
from chain.open_link import open_link
from chain.text import one_line
from commands import configured
from commands.chain import open_chain_to_read
from jobs.blocks.reconcile import Reconciler, Step
from jobs.ledger import Ledger
from jobs.model.operators import Difference
from jobs.nodes.access import new_confirmed_chain, new_fitness
from jobs.settings import Settings


@click.command()
@configured
@click.option(
    "--from-block",
    type=click.IntRange(1),
    help="Default: after the last comparison, or where the ledger met the chain.",
)
@click.option("--rebuild", is_flag=True, help="Import what the ledger lacks, from the first block on.")
def reconcile(settings: Settings, from_block: int | None, *, rebuild: bool) -> None:
    """Compare the ledger with the registrar's operations in the chain's blocks; exit 1 if they differ."""
    first = 1 if rebuild and from_block is None else from_block
    try:
        found = asyncio.run(compare(settings, first, rebuild=rebuild))
    except (LinkError, Refused) as error:
        click.echo(one_line(str(error)), err=True)
        sys.exit(1)
    for difference in found:
        click.echo(f"block {difference.block_num}: {difference.kind}: {one_line(difference.text)}")
    sys.exit(1 if found else 0)


async def compare(settings: Settings, first: int | None, *, rebuild: bool) -> list[Difference]:
    """Compare from block `first`, or from where the last comparison ended; returns all known differences.

    Raises LinkError or Refused if the node can't be asked.
    """
    async with contextlib.AsyncExitStack() as opened:
        dev_chain, urls, key = await open_chain_to_read(settings)
        if dev_chain is not None:
            opened.push_async_callback(dev_chain.stop)
        ledger = await Ledger.open(settings.ledger)
        opened.push_async_callback(ledger.close)
        link = await opened.enter_async_context(open_link(urls, timeout=settings.node_timeout))
        node, fitness = Node(link.call), new_fitness(settings, ledger, urls, key, time.time)
        await fitness.load()
        confirmed = new_confirmed_chain(node, link, urls, fitness, settings.node_timeout)
        opened.push_async_callback(confirmed.close)
        reconciler = Reconciler(
            node=node,
            reconciliation=ledger.reconciliation,
            pins=ledger.pins,
            chain_status=ledger.chain_status,
            settings=settings,
            confirmed=confirmed,
        )
        with Progress(console=Console(stderr=True)) as progress:
            bar = progress.add_task("blocks", total=None)
            steps = reconciler.steps(first, rebuild=rebuild)
            begin = step = await anext(steps)
            async for step in steps:
                progress.update(bar, completed=step.block, total=step.last)
        _print_result(begin.block + 1 if reconciler.begins_at_contact else None, step)
        return await ledger.reconciliation.differences()


def _print_result(contact: int | None, step: Step) -> None:
    """Print what was found; `contact` is the first block, if that is where the ledger met the chain."""
    if contact is not None:
        click.echo(
            f"from block {contact}, where this ledger met the chain: --from-block compares earlier ones too, "
            "--rebuild imports them"
        )
    if step.foreign:
        click.echo(
            f"{step.foreign} operations of the registrar are in no transaction of this ledger: they are another "
            "faucet's, or were made by hand"
        )
    if step.malformed:
        click.echo(f"{step.malformed} operations can't be read, and were passed over: {one_line(step.problem or '')}")
    click.echo(f"up to block {step.block}: {step.differences} differences, {step.recovered} recovered")
