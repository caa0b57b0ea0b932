"""`serve`: the faucet itself, in one process or several; `worker`: one of several."""

import logging
import socket
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import click

from chain.text import one_line
from commands import configured
from commands.chain import announce
from commands.processes import Stop, run_serving, run_until_stopped, stand_back
from commands.service import Service
from commands.workers import check_key_apart, supervise_until_stopped
from handlers.server import bind, url_of
from jobs.monitoring.metrics import Metrics
from jobs.settings import Settings
from jobs.settings.folders import exposed_folders
from jobs.ways.lists_file import ListsError
from jobs.ways.lists_watch import read_first

log = logging.getLogger("faucet")

PROGRAM = Path(__file__).parents[1] / "faucet.py"


def serve_until_stopped(service: Service, host: str, port: int, *, chain: bool) -> None:
    """Serve in this process, and print its URL as the first line of standard output; stand in line for the `chain`."""

    async def start() -> Stop:
        listener = bind(host, port)
        url = url_of(listener)
        await service.start(listener)
        if chain:
            await service.stand_in_line()
        click.echo(f"listening on {url}")
        service.announce_chain(announce)
        return service.stop

    steps = run_until_stopped(start, check=service.check, failure=service.failure, reload=service.reload)
    run_serving(steps, chain=chain)


def own_until_stopped(service: Service) -> None:
    """Serve nothing: stand in line for the chain, and own it, in this process."""

    async def start() -> Stop:
        await service.start(None)
        await service.stand_in_line()
        click.echo("serving no HTTP")
        service.announce_chain(announce)
        return service.stop

    steps = run_until_stopped(start, check=service.check, failure=service.failure, reload=service.reload)
    run_serving(steps, chain=True)


def _check_lists(settings: Settings) -> None:
    """End with exit code 2 where the lists can't be read."""
    try:
        read_first(settings.lists_path, needed=settings.lists_file is not None)
    except ListsError as error:
        click.echo(one_line(str(error)), err=True)
        sys.exit(2)


def _signs(settings: Settings, options: Mapping[str, Any]) -> bool:
    """Whether this process itself may own the chain."""
    role: str = options["role"]
    return role == "chain" or (role == "all" and (options["workers"] or settings.workers) == 1)


@click.command()
@partial(configured, needs_key=_signs)
@click.option(
    "--role",
    type=click.Choice(["all", "http", "chain"]),
    default="all",
    show_default=True,
    help="What this faucet does, where several share one ledger: serve HTTP, own the chain or wait to, both.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=None, help="Processes that serve HTTP.")
@click.option("--host", default=None, help="Address to serve on.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port to serve on; 0 is any free one.")
def serve(settings: Settings, role: str, workers: int | None, host: str | None, port: int | None) -> None:
    """Serve HTTP, and register the accounts that sign up."""
    if role == "chain" and (workers, host, port) != (None, None, None):
        raise click.UsageError("--workers, --host and --port are for HTTP, which --role chain does not serve")
    host, port = host or settings.host, settings.port if port is None else port
    workers = workers or settings.workers
    for sentence in exposed_folders(settings):
        log.warning("folder open to other users", extra={"fields": {"reason": sentence}})
    if role != "chain":
        _check_lists(settings)
    if role == "chain":
        own_until_stopped(Service(settings))
    elif workers == 1:
        serve_until_stopped(Service(settings), host, port, chain=role == "all")
    else:
        if role == "all":
            check_key_apart(settings)
        supervise_until_stopped(str(PROGRAM), settings, workers, bind(host, port), owns=role == "all")


@click.command(hidden=True)
@partial(configured, needs_key=lambda _settings, options: options["listener"] is None)
@click.option("--listener", type=int, default=None, help="File descriptor of a listening socket.")
@click.option("--place", type=int, default=None, help="Of this process among those that accept from it.")
@click.option("--name", required=True, help="Of this process, among those of its supervisor.")
@click.option("--metrics", "folder", type=click.Path(path_type=Path), required=True, help="Where they share counts.")
def worker(settings: Settings, listener: int | None, place: int | None, name: str, folder: Path) -> None:
    """Run one process of `serve --workers`: HTTP with a listener, the chain's owner without."""
    service, metrics = Service(settings), Metrics(folder, name)
    if listener is not None:
        stand_back()

    async def start() -> Stop:
        opened = None if listener is None else socket.socket(fileno=listener)
        await service.start(opened, place=place, metrics=metrics)
        if listener is None:
            await service.stand_in_line()
            service.announce_chain(announce)
        return service.stop

    steps = run_until_stopped(start, parent=sys.stdin.fileno(), failure=service.failure, reload=service.reload)
    run_serving(steps, chain=listener is None)
