"""Checks everything that registering needs, before anything runs. Broadcasts nothing, writes nothing."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace

from chain.errors import LinkError, Refused
from chain.keys import PrivateKey
from chain.link import without_credentials
from chain.node import Node
from chain.open_link import open_link
from commands.nodecheck import LedgerRecord, NodeCheck
from jobs.conditions import Condition, conditions
from jobs.errors import FaucetError
from jobs.ledger import Ledger, LedgerError, OldLedgerError
from jobs.model.chain import ChainStatus
from jobs.monitoring.mailer import MailError, connected
from jobs.nodes.claims import Claims, first_difference
from jobs.settings import Settings
from jobs.settings.folders import exposed_folders
from jobs.ways.lists import NO_LISTS
from jobs.ways.lists_file import ListsError
from jobs.ways.lists_watch import read_first

#: Conditions of the configuration alone, each with its line; what holds needs no line.
OF_CONFIGURATION = {"broadcast": "broadcast", "nodes": "node"}


async def preflight(
    settings: Settings, urls: tuple[str, ...], key: PrivateKey, *, clock: Callable[[], float] = time.time
) -> AsyncIterator[Condition]:
    """Each line as soon as it is known; those that need a node are left out where none is reached."""
    now = clock()
    for line in _check_configuration(settings, now):
        yield line
    if (lists := _check_lists(settings)) is not None:
        yield lists
    for text in exposed_folders(settings):
        yield Condition("folder", ok=True, text=text)
    for line in await check_database(settings):
        yield line
    record, finding = await _read_ledger(settings, clock)
    if finding is not None:
        yield finding
    nodes = _Nodes(settings, key, record, others=len(urls) > 1, now=now)
    for url in urls:
        async for line in nodes.check(url):
            yield line
    yield await _check_mail(settings)


def _check_configuration(settings: Settings, now: float) -> Iterator[Condition]:
    for text in ("valid", *settings.notes):
        yield Condition("config", ok=True, text=text)
    for condition in conditions(ChainStatus(), settings, now):
        if condition.name in OF_CONFIGURATION and not condition.ok:
            yield replace(condition, name=OF_CONFIGURATION[condition.name])


def _check_lists(settings: Settings) -> Condition | None:
    """Whether the file of lists can be read; None where there is none."""
    try:
        lists = read_first(settings.lists_path, needed=settings.lists_file is not None)
    except ListsError as error:
        return Condition("lists", ok=False, text=str(error))
    return None if lists is NO_LISTS else Condition("lists", ok=True, text=str(lists))


class _Nodes:
    """Checks one node after the other, and what each says against what the first one said."""

    def __init__(self, settings: Settings, key: PrivateKey, record: LedgerRecord, *, others: bool, now: float) -> None:
        self._settings = settings
        self._key = key
        self._record = record
        self._others = others  # whether more than one node is configured
        self._now = now
        self._first: tuple[str, Claims] | None = None  # the URL of the first node that was reached, and what it says

    async def check(self, url: str) -> AsyncIterator[Condition]:
        """The lines about the node at `url`, each of which names it."""
        public_url = without_credentials(url)
        try:
            async with open_link([url], timeout=self._settings.node_timeout) as link:
                check = NodeCheck(
                    Node(link.call), link.peer, self._settings, self._key, self._record,
                    others=self._others, now=self._now,
                )  # fmt: skip
                async for line in check.run():
                    yield _naming(public_url, line)
                if (agreement := self._compare(public_url, check.claims)) is not None:
                    yield _naming(public_url, agreement)
        except (LinkError, Refused) as error:
            yield _naming(public_url, Condition("node", ok=False, text=str(error)))

    def _compare(self, url: str, claims: Claims) -> Condition | None:
        """Whether the node at `url` says of the chain what the first one said; None of the first itself."""
        if self._first is None:
            self._first = (url, claims) if claims else None
            return None
        first, first_claims = self._first
        difference = _difference(first, first_claims, claims)
        text = f"says the same of the chain as {first}" if difference is None else difference
        return Condition("agreement", ok=difference is None, text=text)


def _difference(first: str, first_claims: Claims, claims: Claims) -> str | None:
    """Where a node's `claims` differ from the `first_claims`, of the node at `first`; None where they agree."""
    if claims and claims["chain_id"] != first_claims["chain_id"]:
        return f"is on the chain {claims['chain_id'][:8]}…, but {first} is on {first_claims['chain_id'][:8]}…"
    difference = first_difference(first_claims, claims)
    return None if difference is None else f"{difference}, by {first}"


def _naming(url: str, line: Condition) -> Condition:
    return replace(line, text=f"{url}: {line.text}")


async def check_database(settings: Settings) -> list[Condition]:
    """A line for each reason why the start would refuse the ledger's database."""
    try:
        return [Condition("ledger", ok=False, text=text) for text in await Ledger.unfitness(settings.ledger)]
    except LedgerError as error:
        # Whoever reads it next, to compare it with the nodes, says the same.
        return [Condition("ledger", ok=False, text=str(error))] if settings.uses_devchain else []


async def _read_ledger(settings: Settings, clock: Callable[[], float]) -> tuple[LedgerRecord, Condition | None]:
    """What the ledger holds of the chain, and the line about the ledger, if any."""
    if settings.uses_devchain:  # the one that is checked is another than the one that serves
        return LedgerRecord(), None
    if Ledger.is_new(settings.ledger):
        text = "none yet: what the first node says is kept in it"
        return LedgerRecord(), Condition("ledger", ok=True, text=text)
    try:
        ledger = await Ledger.open_to_read(settings.ledger, clock=clock)
    except LedgerError as error:
        is_old = isinstance(error, OldLedgerError)
        return LedgerRecord(), Condition("ledger", ok=is_old, text=f"not compared with the nodes: {error}")
    try:
        return await LedgerRecord.read(ledger), None
    except FaucetError as error:
        return LedgerRecord(), Condition("ledger", ok=False, text=f"can't be read: {error.__cause__}")
    finally:
        await ledger.close()


async def _check_mail(settings: Settings) -> Condition:
    """Whether the mail server greets, encrypts and lets us in, as it must for a mail."""
    if settings.mail_host is None:
        return Condition("mail", ok=True, text="no mail_host is configured: nobody gets alerts by mail")
    try:
        async with connected(settings):
            pass
    except MailError as error:
        return Condition("mail", ok=False, text=f"{settings.mail_host} does not answer: {error}")
    if not settings.admins:
        return Condition("mail", ok=False, text="mail_host is configured, but no admins to write to")
    return Condition("mail", ok=True, text=f"{settings.mail_host} answers")
