"""Looks at everything that registering needs, before anything runs."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from chain.dial import dial
from chain.errors import LinkError, Refused
from chain.keys import PrivateKey, format_public_key
from chain.node import Account, Node
from jobs.config import Settings
from jobs.mailer import MailError, connected
from jobs.situation import Identity, price


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    ok: bool
    name: str
    text: str


async def preflight(
    settings: Settings, urls: tuple[str, ...], key: PrivateKey, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Finding]:
    """Each check as it is done; those that need a node are left out where none is reached."""
    for text in ("valid", *settings.notes):
        yield Finding(ok=True, name="config", text=text)
    for url in urls:
        async for finding in _check_node(settings, url, key, clock):
            yield finding
    yield await _check_mail(settings)


async def _check_node(
    settings: Settings, url: str, key: PrivateKey, clock: Callable[[], float]
) -> AsyncIterator[Finding]:
    try:
        async with dial([url], timeout=settings.node_timeout) as link:
            async for finding in _check_chain(settings, Node(link.call), key, clock()):
                yield finding
    except (LinkError, Refused) as error:
        yield Finding(ok=False, name="node", text=str(error))


async def _check_chain(settings: Settings, node: Node, key: PrivateKey, now: float) -> AsyncIterator[Finding]:
    head, asset = await node.head(), await node.core_asset()
    identity = Identity(await node.chain_id(), await node.prefix(), asset.symbol, asset.precision, key)
    age = round(now - head.time)
    yield Finding(age <= settings.max_head_age, "node", f"block {head.number}, {max(0, age)} seconds old")
    fits = settings.core_asset in (None, asset.symbol)
    text = f"{identity.chain_id}, prefix {identity.prefix}, core asset {asset.symbol}"
    yield Finding(fits, "chain", text if fits else f"{text}; the configuration says {settings.core_asset}")
    registrar = (await node.accounts([settings.registrar]))[0]
    if registrar is None:
        yield Finding(ok=False, name="registrar", text=f"the chain has no account {settings.registrar}")
        return
    async for finding in _check_registrar(settings, registrar, node, identity):
        yield finding


async def _check_registrar(
    settings: Settings, registrar: Account, node: Node, identity: Identity
) -> AsyncIterator[Finding]:
    yield Finding(ok=True, name="registrar", text=f"{registrar.name} is {registrar.id}")
    member = registrar.lifetime_member
    yield Finding(member, "membership", "for life" if member else f"{registrar.name} is not a lifetime member")
    public = format_public_key(identity.key.public, identity.prefix)
    signs = public in registrar.signing_keys
    yield Finding(signs, "key", f"{public} {'signs' if signs else 'does not sign'} for {registrar.name}")
    balance = await node.balance(registrar.id)
    fee = price(await node.parameters(), identity.prefix, settings)
    signups = balance // max(1, fee)
    text = f"{identity.readable(balance)} pays for {signups} signups at {identity.readable(fee)}"
    yield Finding(signups > 0, "balance", text)


async def _check_mail(settings: Settings) -> Finding:
    """Whether the mail server greets, encrypts and lets us in, as it must for a mail."""
    if settings.mail_host is None:
        return Finding(ok=True, name="mail", text="no mail_host is configured: nobody is told of trouble")
    try:
        async with connected(settings):
            pass
    except MailError as error:
        return Finding(ok=False, name="mail", text=f"{settings.mail_host} does not answer: {error}")
    if not settings.admins:
        return Finding(ok=False, name="mail", text="mail_host is configured, but no admins to write to")
    return Finding(ok=True, name="mail", text=f"{settings.mail_host} answers")
