"""`devchain`: the dev chain as a node of its own."""

import asyncio
from pathlib import Path
from typing import Any

import click

from chain.keys import PrivateKey
from commands import configured
from commands.chain import announce
from commands.processes import Stop, run_until_stopped
from devchain import DevChain, DevChainSettings, Flavour, read_parameters
from jobs.settings import Settings


@click.command()
@configured
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="0 is any free port; default: devchain_port.")
@click.option("--data", type=click.Path(path_type=Path), help="File that keeps the chain; default: memory only.")
@click.option("--block-interval", type=float, default=1.0, show_default=True, help="Seconds; 0: blocks on demand only.")
@click.option("--irreversible-lag", type=int, default=8, show_default=True, help="Blocks behind the head.")
@click.option("--chain-id", help="64 hex digits; default: a new one.")
@click.option("--registrar", default="faucet", show_default=True, help="Name of the registrar.")
@click.option("--registrar-wif", help="Its private key; default: the published one.")
@click.option(
    "--flavour",
    type=click.Choice([*map(str, Flavour)]),
    default="peerplays",
    show_default=True,
    help="The chain whose nodes it behaves like.",
)
@click.option("--symbol", default="", help="Symbol of the core asset; default: TEST or BTS, by the flavour.")
@click.option("--prefix", default="", help="Prefix of public keys; the same default.")
@click.option("--faults", is_flag=True, help="Let clients control the chain and inject faults.")
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
