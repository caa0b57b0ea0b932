"""The part that owns the chain: one connection, one tracker, one drainer."""

import asyncio
import logging
import time
from collections.abc import Callable

from tornado.ioloop import PeriodicCallback

from chain.errors import LinkError, Refused, UnfitNode
from chain.keys import PrivateKey
from chain.link import Call, Link
from chain.node import Head, Node
from jobs.alerts import Alerts
from jobs.config import Settings
from jobs.drainer import Drainer
from jobs.errors import FaucetError
from jobs.facts import Facts
from jobs.ledger import Ledger
from jobs.mailer import Mailer
from jobs.metrics import Metrics
from jobs.names import fill_names
from jobs.reconcile import Reconciler, reconcile_again_and_again
from jobs.situation import Identity, price
from jobs.tracker import Tracker

log = logging.getLogger("faucet.owner")

STOP_WITHIN = 2.0  #: seconds that a step in hand may take when the program stops; what it does is on disk anyway
FORGET_EVERY = 60.0  #: seconds between two erasures of old client addresses
LOOK_EVERY = 1.0  #: seconds between two looks at whether the connection still stands


class ChainOwner:
    """Keeps the connection, follows blocks and drains. For one ledger one such part runs."""

    def __init__(
        self,
        *,
        settings: Settings,
        urls: tuple[str, ...],
        key: PrivateKey,
        ledger: Ledger,
        metrics: Metrics,
        node_class: type[Node] = Node,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._key = key
        self._ledger = ledger
        self._clock = clock
        self._identity: Identity | None = None
        self._new_block = asyncio.Event()
        self._facts = Facts(ledger, clock=clock)
        self._link = Link(urls, greet=self._greet, on_block=self._new_block.set, timeout=settings.node_timeout)
        self._node = node_class(self._link.call)
        self._tracker = Tracker(node=self._node, ledger=ledger, settings=settings, metrics=metrics, clock=clock)
        self._drainer = Drainer(
            link=self._link,
            node=self._node,
            ledger=ledger,
            settings=settings,
            metrics=metrics,
            identity=lambda: self._identity if self._tracker.caught_up else None,
        )
        self._mailer = Mailer(settings, ledger, clock=clock)
        self._alerts = Alerts(settings, ledger, wake=self._mailer.wake, clock=clock)
        self._timers = [
            PeriodicCallback(self._drainer.wake, settings.drain_interval * 1000),
            PeriodicCallback(self._note_connection, LOOK_EVERY * 1000),
            PeriodicCallback(self._forget_addresses, FORGET_EVERY * 1000),
        ]
        self._drains: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin; returns at once, whether a node is there or not. Raises FaucetError without a ledger."""
        await self._facts.load()
        self._drains = asyncio.create_task(self._drainer.run(), name="drainer")
        self._tasks = [
            asyncio.create_task(self._link.run(), name="chain link"),
            asyncio.create_task(self._follow(), name="tracker"),
            asyncio.create_task(fill_names(self._link, self._node, self._ledger, self._facts), name="names"),
            asyncio.create_task(self._reconcile(), name="reconciliation"),
            asyncio.create_task(self._alerts.run(), name="alerts"),
            asyncio.create_task(self._mailer.run(), name="mailer"),
        ]
        for task in [self._drains, *self._tasks]:
            task.add_done_callback(_tell_end)
        for timer in self._timers:
            timer.start()

    async def stop(self) -> None:
        """Finish the drain in hand, within STOP_WITHIN seconds, then close the connection."""
        for timer in self._timers:
            timer.stop()
        if self._drains is None:
            return
        self._drainer.stop()
        await asyncio.wait({self._drains}, timeout=STOP_WITHIN)
        tasks = [self._drains, *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _greet(self, call: Call, peer: str) -> None:  # noqa: ARG002  # whose node it is says its address
        """Take a node only if it is on the ledger's chain and near its head. Raises UnfitNode."""
        node = Node(call)
        chain_id, head = await node.chain_id(), await node.head()
        expected = self._facts.now.chain_id
        if expected not in (None, chain_id):
            raise UnfitNode(f"is on the chain {chain_id[:8]}…, but the ledger belongs to {str(expected)[:8]}…")
        age = self._clock() - head.time
        if age > self._settings.max_head_age:
            raise UnfitNode(f"is out of sync: its head block is {age:.0f} seconds old")
        if self._identity is None:
            self._identity = await self._identify(node, chain_id)

    async def _identify(self, node: Node, chain_id: str) -> Identity:
        """What the chain is; the ledger belongs to it from now on."""
        prefix, asset = await node.prefix(), await node.core_asset()
        if self._settings.core_asset not in (None, asset.symbol):
            raise UnfitNode(f"has the core asset {asset.symbol}, the configuration says {self._settings.core_asset}")
        try:
            await self._facts.update(chain_id=chain_id, prefix=prefix, symbol=asset.symbol, precision=asset.precision)
        except FaucetError as error:
            raise UnfitNode(f"can't be used yet: {error}") from error
        return Identity(chain_id, prefix, asset.symbol, asset.precision, self._key)

    async def _follow(self) -> None:
        """Follow each new block, then let the drainer go on from there."""
        while True:
            await self._new_block.wait()
            self._new_block.clear()
            try:
                await self._note_head(await self._tracker.follow())
            except (LinkError, Refused, FaucetError) as error:
                log.warning("following put off: %s", error)
            except Exception:  # a fault of ours must not end the faucet's work for good
                log.exception("following failed")
            self._drainer.wake()

    async def _note_head(self, head: Head) -> None:
        """Tell the HTTP side what the chain looks like now."""
        parameters = await self._node.parameters()
        await self._facts.update(
            **await self._registrar(),
            fee=price(parameters, self._facts.now.prefix or ""),
            transfer_fee=parameters.transfer.required(),
            head_block=head.number,
            head_time=head.time,
            irreversible_block=head.irreversible,
            **self._connection(),
        )

    async def _registrar(self) -> dict[str, str | int | bool | None]:
        """What must be known of the registrar: can it pay, may it register, does our key sign for it."""
        registrar = (await self._node.accounts([self._settings.registrar]))[0]
        if registrar is None:
            return dict.fromkeys(("registrar_id", "balance", "registrar_member", "key_matches"))
        identity = self._identity
        return {
            "registrar_id": registrar.id,
            "balance": await self._node.balance(registrar.id),
            "registrar_member": registrar.lifetime_member,
            "key_matches": identity is not None and identity.public_key in registrar.signing_keys,
        }

    async def _note_connection(self) -> None:
        """Tell the HTTP side of a connection that was made or lost, and why there is none: the reason may change."""
        connection = self._connection()
        known = {name: getattr(self._facts.now, name) for name in connection}
        if connection == known and self._facts.written:
            return
        try:
            await self._facts.update(**connection)
        except FaucetError as error:
            log.warning("connection not noted: %s", error)

    def _connection(self) -> dict[str, str | int | bool | None]:
        link = self._link
        return {
            "connected": link.connected, "node": link.url, "failovers": link.failovers, "trouble": link.trouble,
        }  # fmt: skip

    async def _reconcile(self) -> None:
        """Compare ledger and chain once in `reconcile_interval`."""
        await reconcile_again_and_again(
            Reconciler(node=self._node, ledger=self._ledger, settings=self._settings),
            link=self._link,
            ledger=self._ledger,
            interval=self._settings.reconcile_interval,
            clock=self._clock,
        )

    async def _forget_addresses(self) -> None:
        before = int((self._clock() - self._settings.retention) * 1000)
        try:
            await self._ledger.forget_addresses(before)
        except FaucetError as error:
            log.warning("addresses not erased: %s", error)


def _tell_end(task: asyncio.Task[None]) -> None:
    """A task that ends by a fault of ours must not do so in silence."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("%s ended", task.get_name(), exc_info=task.exception())
