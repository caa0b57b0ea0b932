#!/usr/bin/env python3
"""The faucet's command line, and the wiring of its parts."""

import asyncio
import contextlib
import logging
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from chain.dial import dial
from chain.errors import LinkError, Refused
from chain.keys import PrivateKey
from chain.node import Node
from commands import configured, ledger, mail, password, signup
from commands.preflight import preflight
from commands.processes import Stop, run_serving, run_until_stopped, supervise_until_stopped
from devchain import DevChain, DevChainSettings, Flavour, read_parameters
from handlers.server import bind, url_of
from handlers.service import HttpService
from jobs.blocks.reconcile import Reconciler
from jobs.ledger import Ledger
from jobs.model.operators import Difference
from jobs.monitoring.metrics import Metrics
from jobs.nodes.confirmation import ConfirmedChain, SecondNode
from jobs.nodes.fitness import Fitness
from jobs.owner import ChainOwner
from jobs.settings import Settings

log = logging.getLogger("faucet")


class Service:
    """What one process runs for a ledger: HTTP, or the chain's owner with the embedded dev chain, or both."""

    def __init__(
        self, settings: Settings, *, ledger_class: type[Ledger] = Ledger, node_class: type[Node] = Node
    ) -> None:
        self._settings = settings
        self._ledger_class = ledger_class
        self._node_class = node_class
        self._http: HttpService | None = None
        self._owner: ChainOwner | None = None
        self.dev_chain: DevChain | None = None

    async def start(self, listener: socket.socket | None, *, chain: bool = True) -> None:
        """Serve what comes to `listener`, if there is one, and own the `chain`.

        Raises OSError where a file can't be had, LedgerError or FaucetError; nothing is left open then.
        """
        async with contextlib.AsyncExitStack() as opened:
            if listener is not None:
                opened.enter_context(listener)
            nodes = await self._open_chain(opened) if chain else None
            self._ledger = ledger = await self._ledger_class.open(self._settings.ledger)
            opened.push_async_callback(ledger.close)
            metrics = Metrics()
            if listener is not None:
                self._http = HttpService(self._settings, ledger, metrics, alone=not chain)
                await self._http.start(listener)
            if nodes is not None:
                await self._own(*nodes, ledger, metrics)
            self._opened = opened.pop_all()

    async def check(self) -> None:
        """Raises FaucetError `ledger_unavailable` where the ledger can't be read."""
        await self._ledger.counts()

    async def stop(self) -> None:
        """Answer what was accepted, finish the drain in hand, close everything."""
        if self._http is not None:
            await self._http.finish()
        if self._owner is not None:
            await self._owner.stop()
        if self._http is not None:
            await self._http.close()
        await self._opened.aclose()

    async def _open_chain(self, opened: contextlib.AsyncExitStack) -> tuple[tuple[str, ...], PrivateKey]:
        self.dev_chain, urls, key = await open_chain(self._settings)
        if self.dev_chain is not None:
            opened.push_async_callback(self.dev_chain.stop)
        return urls, key

    async def _own(self, urls: tuple[str, ...], key: PrivateKey, ledger: Ledger, metrics: Metrics) -> None:
        self._owner = ChainOwner(
            settings=self._settings, urls=urls, key=key, ledger=ledger, metrics=metrics, node_class=self._node_class
        )
        await self._owner.start()


async def open_chain(settings: Settings, *, keep: bool = True) -> tuple[DevChain | None, tuple[str, ...], PrivateKey]:
    """The embedded dev chain if the settings want it, the nodes to use, and the key to sign with.

    Without `keep` the dev chain leaves its file alone, which a running server may be writing.
    """
    if not settings.uses_devchain:
        return None, settings.witness_url, PrivateKey.from_wif(settings.wif or "")
    options = DevChainSettings(
        port=settings.devchain_port if keep else 0,
        data=settings.devchain_data if keep else None,
        block_interval=settings.devchain_block_interval,
        registrar=settings.registrar,
    )
    if settings.wif is not None:
        options = replace(options, registrar_key=PrivateKey.from_wif(settings.wif))
    dev_chain = DevChain(options)
    try:
        await dev_chain.start()
    except OSError:
        # The port is only a convenience for wallets: another faucet on this machine may have it.
        log.warning("devchain_port %d is taken, a free one is used", settings.devchain_port)
        dev_chain = DevChain(replace(options, port=0))
        await dev_chain.start()
    return dev_chain, (dev_chain.url,), options.registrar_key


def serve_until_stopped(service: Service, host: str, port: int) -> None:
    """Serve in this process; the first line of standard output says where."""

    async def start() -> Stop:
        listener = bind(host, port)
        url = url_of(listener)
        await service.start(listener)
        click.echo(f"listening on {url}")
        if service.dev_chain is not None:
            announce(service.dev_chain)
        return service.stop

    run_serving(run_until_stopped(start, check=service.check))


def announce(dev_chain: DevChain) -> None:
    """Say where a dev chain is, and what a client must know of it."""
    click.echo(f"dev chain on {dev_chain.url}")
    click.echo(f"chain id {dev_chain.chain.chain_id}")
    click.echo(f"registrar {dev_chain.registrar}")
    sys.stdout.flush()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "obj": Path(__file__).with_name("config.yaml")})
def main() -> None:
    """Account faucet for Graphene chains: a name and three public keys become an account."""


@main.command()
@configured
@click.option("--workers", type=click.IntRange(1, 64), default=None, help="Processes that serve HTTP.")
@click.option("--host", default=None, help="Address to serve on.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port to serve on; 0 is any free one.")
def serve(settings: Settings, workers: int | None, host: str | None, port: int | None) -> None:
    """Serve, and register what is signed up."""
    host, port = host or settings.host, settings.port if port is None else port
    workers = workers or settings.workers
    if workers == 1:
        serve_until_stopped(Service(settings), host, port)
    else:
        supervise_until_stopped(__file__, settings, workers, bind(host, port))


@main.command(hidden=True)
@configured
@click.option("--listener", type=int, default=None, help="File descriptor of a listening socket.")
def worker(settings: Settings, listener: int | None) -> None:
    """One of the processes of `serve --workers`: HTTP with a listener, the chain's owner without."""

    async def start() -> Stop:
        service = Service(settings)
        if listener is not None:
            await service.start(socket.socket(fileno=listener), chain=False)
        else:
            await service.start(None)
        if service.dev_chain is not None:
            announce(service.dev_chain)
        return service.stop

    run_serving(run_until_stopped(start, parent=sys.stdin.fileno()))


@main.command()
@configured
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="0 is any free one; default: devchain_port.")
@click.option("--data", type=click.Path(path_type=Path), help="File that keeps the chain; without it, memory does.")
@click.option("--block-interval", type=float, default=1.0, show_default=True, help="Seconds; 0 only on demand.")
@click.option("--irreversible-lag", type=int, default=8, show_default=True, help="Blocks behind the head.")
@click.option("--chain-id", help="64 hex digits; else a new one is made.")
@click.option("--registrar", default="faucet", show_default=True, help="Name of the registrar.")
@click.option("--registrar-wif", help="Its private key; without it, the published one.")
@click.option(
    "--flavour",
    type=click.Choice([*map(str, Flavour)]),
    default="peerplays",
    show_default=True,
    help="Whose nodes it behaves like.",
)
@click.option("--symbol", default="", help="Of the core asset; default: the flavour's, TEST or BTS.")
@click.option("--prefix", default="", help="Of public keys; the same default.")
@click.option("--faults", is_flag=True, help="Let clients steer the chain and inject faults.")
@click.option("--parameter", "parameters", multiple=True, metavar="NAME=NUMBER", help="Set a chain parameter.")
def devchain(
    settings: Settings, port: int | None, registrar_wif: str | None, parameters: tuple[str, ...], **options: Any
) -> None:
    """Run the dev chain alone: a small strict Graphene node."""
    if registrar_wif is not None:
        options["registrar_key"] = PrivateKey.from_wif(registrar_wif)
    options["port"] = settings.devchain_port if port is None else port
    options["flavour"] = Flavour(options["flavour"])
    try:
        chain = DevChain(DevChainSettings(**options, parameters=read_parameters(parameters)))
    except ValueError as error:
        raise click.UsageError(str(error)) from None

    async def start() -> Stop:
        await chain.start()
        announce(chain)
        return chain.stop

    asyncio.run(run_until_stopped(start))


@main.command()
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


@main.command()
@configured
@click.option("--from-block", type=click.IntRange(1), help="Default: after the last comparison.")
@click.option("--rebuild", is_flag=True, help="Take over what the ledger lacks, from its first block on.")
def reconcile(settings: Settings, from_block: int | None, *, rebuild: bool) -> None:
    """Compare the ledger with the registrar's operations in the chain's blocks; exit 1 if they differ."""
    first = 1 if rebuild and from_block is None else from_block
    try:
        found = asyncio.run(compare(settings, first, rebuild=rebuild))
    except (LinkError, Refused) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    for difference in found:
        click.echo(f"block {difference.block_num}: {difference.kind}: {difference.text}")
    sys.exit(1 if found else 0)


async def compare(settings: Settings, first: int | None, *, rebuild: bool) -> list[Difference]:
    """Where ledger and chain differ now."""
    async with contextlib.AsyncExitStack() as opened:
        dev_chain, urls, key = await open_chain(settings)
        if dev_chain is not None:
            opened.push_async_callback(dev_chain.stop)
        ledger = await Ledger.open(settings.ledger)
        opened.push_async_callback(ledger.close)
        link = await opened.enter_async_context(dial(urls, timeout=settings.node_timeout))
        node, fitness = Node(link.call), Fitness(settings=settings, ledger=ledger, urls=urls, key=key, clock=time.time)
        await fitness.load()
        second = SecondNode(
            link, urls, is_own=fitness.is_own, validate=fitness.validate_second, timeout=settings.node_timeout
        )
        opened.push_async_callback(second.close)
        reconciler = Reconciler(node=node, ledger=ledger, settings=settings, confirmed=ConfirmedChain(node, second))
        with Progress(console=Console(stderr=True)) as progress:
            bar = progress.add_task("blocks", total=None)
            async for step in reconciler.steps(first, rebuild=rebuild):
                progress.update(bar, completed=step.block, total=step.last)
        click.echo(f"up to block {step.block}: {step.differences} differences, {step.recovered} recovered")
        return await ledger.differences()


for command in (*signup.COMMANDS, *ledger.COMMANDS, *mail.COMMANDS, *password.COMMANDS):
    main.add_command(command)


if __name__ == "__main__":
    main()
