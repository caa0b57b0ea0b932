"""The chain a command works on: the configured nodes, or the embedded dev chain."""

import logging
import sys
from dataclasses import replace

import click

from chain.keys import PrivateKey
from devchain import DevChain, DevChainSettings
from jobs.settings import Settings

log = logging.getLogger("faucet")


async def open_chain(settings: Settings, *, keep: bool = True) -> tuple[DevChain | None, tuple[str, ...], PrivateKey]:
    """The embedded dev chain if the settings ask for it, the nodes' URLs, and the registrar's key.

    Without `keep` the dev chain does not open its file, which a running server may be writing.
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
        # A fixed port is only a convenience for wallets, and another faucet on this machine may have it.
        log.warning("devchain_port is taken, a free one is used", extra={"fields": {"port": settings.devchain_port}})
        dev_chain = DevChain(replace(options, port=0))
        await dev_chain.start()
    return dev_chain, (dev_chain.url,), options.registrar_key


def announce(dev_chain: DevChain) -> None:
    """Print the dev chain's URL, and what a client must know about it."""
    click.echo(f"dev chain on {dev_chain.url}")
    click.echo(f"chain id {dev_chain.chain.chain_id}")
    click.echo(f"registrar {dev_chain.registrar}")
    sys.stdout.flush()
