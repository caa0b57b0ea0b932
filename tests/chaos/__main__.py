"""`make chaos`: a long run. Exit code 1, and every difference, if the records differ."""

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

import click

from devchain import Flavour
from tests.chaos.outcome import Outcome
from tests.chaos.run import Run
from tests.harness.flavours import flavoured


@click.command()
@click.option("--seed", type=int, default=None, help="Of the schedule; without it, a new one.")
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True, help="Of the faucet, by SIGKILL.")
@click.option("--signups", type=click.IntRange(1), default=20_000, show_default=True, help="That clients want.")
@click.option("--lies", is_flag=True, help="Let one of two nodes lie now and then.")
@click.option("--flavour", type=click.Choice([*map(str, Flavour)]), default="peerplays", show_default=True)
def main(seed: int | None, kills: int, signups: int, *, lies: bool, flavour: str) -> None:
    """Kill and disturb everything for a while, then compare the replies to clients, the ledger and the chain.

    The same seed gives the same kills, actions and signups in the same order. When exactly each hits is up to the
    machine, so a run that found something need not find it again at once.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    click.echo(f"seed {seed}, {kills} kills, {signups} signups, {flavour}{', lies' if lies else ''}")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    run = Run(folder, seed=seed, kills=kills, signups=signups, lies=lies, say=click.echo)
    with flavoured(Flavour(flavour)):
        outcome = asyncio.run(run.run())
    report(outcome)
    if outcome.differences:
        click.echo(f"The records differ; ledger, journal and log are in {folder}; seed {seed}")
        sys.exit(1)


def report(outcome: Outcome) -> None:
    """Print the counts, then the differences."""
    for name, number in outcome.counts.items():
        click.echo(f"{name:<40}{number:>16,}")
    for difference in outcome.differences:
        click.echo(f"DIFFERENCE {difference}")


if __name__ == "__main__":
    main()
