"""`make machines`: exit code 1, and every difference, if the records differ."""

import asyncio
import logging
import shutil
import sys
import tempfile
from pathlib import Path

import click

from tests.harness.patroni import patroni
from tests.harness.postgresql import FOLDERS
from tests.machines.show import Show

#: Debian's package of each program.
PACKAGES = {
    "etcd": "etcd-server",
    "haproxy": "haproxy",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "patroni": "patroni",
    "psql": "postgresql",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}


@click.command()
@click.option("--seconds", type=click.IntRange(1), default=8, show_default=True, help="Between two disturbances.")
def main(seconds: int) -> None:
    """Start three machines, kill one, then a database, and switch over, while signups go on; compare the records.

    Ctrl-C ends everything.
    """
    if missing := missing_packages():
        click.echo(f"Not installed: apt-get install {' '.join(missing)}", err=True)
        sys.exit(1)
    logging.disable()  # its own connection to the chain logs that it ends, for example
    try:
        differences = run(seconds)
    except KeyboardInterrupt:
        click.echo("\nStopped; nothing runs any more.")
        sys.exit(130)
    sys.exit(bool(differences))


def missing_packages() -> list[str]:
    """Debian's packages of the programs that are not there."""
    missing = {package for program, package in PACKAGES.items() if shutil.which(program) is None}
    if not FOLDERS and shutil.which("postgres") is None:
        missing.add("postgresql")
    return sorted(missing)


def run(seconds: float) -> list[str]:
    """The differences between the records, which are printed too."""
    click.echo("starting etcd and two databases under Patroni")
    with tempfile.TemporaryDirectory(prefix="machines-") as folder, patroni() as cluster:
        return asyncio.run(Show(Path(folder), cluster, click.echo, seconds).run())


if __name__ == "__main__":
    main()
