"""The chain a command works on: the configured nodes, or the embedded dev chain."""

import logging
import sys
from dataclasses import replace
from typing import Any

import click

from chain.keys import PrivateKey
from devchain import DevChain, DevChainSettings
from jobs.settings import Settings

log = logging.getLogger("faucet")


#: The dev chain if the settings ask for it, the nodes' URLs, and the registrar's key.
OpenedChain = tuple[DevChain | None, tuple[str, ...], PrivateKey]


async def open_chain(settings: Settings) -> OpenedChain:
    """The chain to serve: this process makes the dev chain's blocks. Raises JournalError where another one does."""
    if not settings.uses_devchain:
        return _nodes(settings)
    options = _options(settings, port=settings.devchain_port, data=settings.devchain_data)
    dev_chain = DevChain(options)
    try:
        await dev_chain.start()
    except OSError:
        # A fixed port is only a convenience for wallets, and another faucet on this machine may have it.
        log.warning("devchain_port is taken, a free one is used", extra={"fields": {"port": settings.devchain_port}})
        dev_chain = DevChain(replace(options, port=0))
        await dev_chain.start()
    return dev_chain, (dev_chain.url,), options.registrar_key


async def open_chain_to_read(settings: Settings) -> OpenedChain:
    """The chain to compare with: of the dev chain a copy, as its file is now, that makes no more blocks."""
    return await _open_beside(settings, data=settings.devchain_data, read_only=True, block_interval=0)


async def open_chain_to_check(settings: Settings) -> OpenedChain:
    """The chain to try: of the dev chain a new one in memory."""
    return await _open_beside(settings)


async def _open_beside(settings: Settings, **changes: Any) -> OpenedChain:
    """A dev chain that does not touch the file of the one that a server may be running."""
    if not settings.uses_devchain:
        return _nodes(settings)
    options = _options(settings, **changes)
    dev_chain = DevChain(options)
    await dev_chain.start()
    return dev_chain, (dev_chain.url,), options.registrar_key


def _nodes(settings: Settings) -> OpenedChain:
    return None, settings.witness_url, PrivateKey.from_wif(settings.wif or "")


def _options(settings: Settings, **changes: Any) -> DevChainSettings:
    options = DevChainSettings(block_interval=settings.devchain_block_interval, registrar=settings.registrar)
    if settings.wif is not None:
        changes["registrar_key"] = PrivateKey.from_wif(settings.wif)
    return replace(options, **changes)


def announce(dev_chain: DevChain) -> None:
    """Print the dev chain's URL, and what a client must know about it."""
    click.echo(f"dev chain on {dev_chain.url}")
    click.echo(f"chain id {dev_chain.chain.chain_id}")
    click.echo(f"registrar {dev_chain.registrar}")
    sys.stdout.flush()
