"""`make chaos`: a long run. Exit code 1, and every difference, if the records differ."""

import asyncio
import secrets
import sys
import tempfile
from pathlib import Path

import click

from devchain import Flavour
from tests.chaos.machines.run import MachinesRun
from tests.chaos.machines.site import NAMES, Scale
from tests.chaos.outcome import Outcome
from tests.chaos.run import Run
from tests.harness.flavours import flavoured

KILLS = "Of the faucet, by SIGKILL; with --machines, disturbances of these, of every kind."
MACHINES = "Faucets on one ledger in PostgreSQL, each on a machine of its own; 0: a single one, on SQLite."


@click.command()
@click.option("--seed", type=int, default=None, help="Of the schedule; without it, a new one.")
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True, help=KILLS)
@click.option("--machines", type=click.IntRange(0, len(NAMES)), default=0, help=MACHINES)
@click.option("--signups", type=click.IntRange(1), default=20_000, show_default=True, help="That clients want.")
@click.option("--lies", is_flag=True, help="Let one of two nodes lie now and then.")
@click.option("--standby", is_flag=True, help="Of PostgreSQL: it takes over amid the run, with --machines.")
@click.option("--flavour", type=click.Choice([*map(str, Flavour)]), default="peerplays", show_default=True)
def main(seed: int | None, kills: int, machines: int, signups: int, *, lies: bool, standby: bool, flavour: str) -> None:
    """Kill and disturb everything for a while, then compare the replies to clients, the ledger and the chain.

    With several machines these are killed, stopped, frozen and cut off from the ledger, the chain and clients.

    The same seed gives the same kills, actions and signups in the same order. When exactly each hits is up to the
    machine, so a run that found something need not find it again at once.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    if machines and lies:
        raise click.UsageError("nodes lie to a single faucet only")
    on = f", {machines} machines{', standby' if standby else ''}" if machines else ""
    click.echo(f"seed {seed}, {kills} kills, {signups} signups, {flavour}{', lies' if lies else ''}{on}")
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    run: Run | MachinesRun
    if machines:
        scale = Scale(machines=machines, signups=signups, disturbances=kills, standby=standby)
        run = MachinesRun(folder, seed=seed, scale=scale, say=click.echo)
    else:
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
