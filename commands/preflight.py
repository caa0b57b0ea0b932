"""Looks at everything that registering needs, before anything runs. Broadcasts nothing, writes nothing."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from chain.errors import LinkError, Refused
from chain.keys import PrivateKey
from chain.link import without_credentials
from chain.node import Node
from chain.open_link import open_link
from commands.nodecheck import Books, Finding, NodeCheck
from jobs.drain.context import NOBROADCAST
from jobs.errors import FaucetError
from jobs.ledger import Ledger, LedgerError, OldLedgerError
from jobs.monitoring.mailer import MailError, connected
from jobs.nodes.claims import Claims, first_difference
from jobs.settings import Settings

__all__ = ["Finding", "preflight"]


async def preflight(
    settings: Settings, urls: tuple[str, ...], key: PrivateKey, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Finding]:
    """Each check as it is done; those that need a node are left out where none is reached."""
    for text in ("valid", *settings.notes):
        yield Finding(ok=True, name="config", text=text)
    if settings.nobroadcast:
        yield Finding(ok=False, name="broadcast", text=NOBROADCAST)
    books, finding = await _read_books(settings, clock)
    if finding is not None:
        yield finding
    nodes = _Nodes(settings, key, books, others=len(urls) > 1, now=clock())
    for url in urls:
        async for finding in nodes.check(url):
            yield finding
    yield await _check_mail(settings)


class _Nodes:
    """Checks one node after the other, and what each says against what the first one said."""

    def __init__(self, settings: Settings, key: PrivateKey, books: Books, *, others: bool, now: float) -> None:
        self._settings = settings
        self._key = key
        self._books = books
        self._others = others  # whether more than one node is configured
        self._now = now
        self._first: tuple[str, Claims] | None = None  # the URL of the first node that was reached, and what it says

    async def check(self, url: str) -> AsyncIterator[Finding]:
        """What is found of the node at `url`, which each finding names."""
        shown = without_credentials(url)
        try:
            async with open_link([url], timeout=self._settings.node_timeout) as link:
                check = NodeCheck(
                    Node(link.call), link.peer, self._settings, self._key, self._books,
                    others=self._others, now=self._now,
                )  # fmt: skip
                async for finding in check.run():
                    yield _of(shown, finding)
                if (difference := self._compare(shown, check.claims)) is not None:
                    yield _of(shown, difference)
        except (LinkError, Refused) as error:
            yield _of(shown, Finding(ok=False, name="node", text=str(error)))

    def _compare(self, url: str, claims: Claims) -> Finding | None:
        """Whether the node at `url` says of the chain what the first one said; None of the first itself."""
        if self._first is None:
            self._first = (url, claims) if claims else None
            return None
        first, said = self._first
        difference = first_difference(said, claims)
        text = f"says the same of the chain as {first}" if difference is None else f"{difference}, by {first}"
        return Finding(ok=difference is None, name="agreement", text=text)


def _of(url: str, finding: Finding) -> Finding:
    return replace(finding, text=f"{url}: {finding.text}")


async def _read_books(settings: Settings, clock: Callable[[], float]) -> tuple[Books, Finding | None]:
    """What the ledger holds of the chain, and what there is to say of the ledger."""
    if settings.uses_devchain:  # the one that is looked at is another than the one that serves
        return Books(), None
    if not settings.ledger.exists():
        return Books(), Finding(ok=True, name="ledger", text="none yet: what the first node says is kept in it")
    try:
        ledger = await Ledger.open_to_read(settings.ledger, clock=clock)
    except LedgerError as error:
        is_old = isinstance(error, OldLedgerError)
        return Books(), Finding(ok=is_old, name="ledger", text=f"not compared with the nodes: {error}")
    try:
        return await Books.read(ledger), None
    except FaucetError as error:
        return Books(), Finding(ok=False, name="ledger", text=f"can't be read: {error.__cause__}")
    finally:
        await ledger.close()


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
