"""The owner of the chain: one connection, one tracker, one drainer."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from chain.cancellation import end_tasks
from chain.errors import LinkError, Refused, UnfitNode
from chain.keys import PrivateKey
from chain.link import Link
from chain.node import Head, Node
from jobs.blocks.expirer import Expirer
from jobs.blocks.names import NamesCache
from jobs.blocks.reconcile import Reconciler, reconcile_forever
from jobs.blocks.tracker import Tracker
from jobs.chain_status import ChainStatusPublisher
from jobs.drain.allowance import Allowances
from jobs.drain.drainer import Drainer
from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.monitoring.alerts import Alerts
from jobs.monitoring.mailer import Mailer
from jobs.monitoring.metrics import Metrics
from jobs.monitoring.tasks import Tasks, repeat
from jobs.monitoring.uptime import Uptime
from jobs.nodes.access import new_confirmed_chain, new_fitness
from jobs.owner.publishing import Observer
from jobs.owner.retention import Retention
from jobs.settings import Settings

log = logging.getLogger("faucet.owner")

STOP_TIMEOUT = 0.5  #: seconds that a drain in hand may take when another process is to own the chain, or none
PURGE_INTERVAL = 60.0  #: seconds between two erasures of what no limit needs any more
CONNECTION_INTERVAL = 1.0  #: seconds between two checks of the connection
TICK_INTERVAL = 1.0  #: … at the clock, to notice that the process stood still
ANSWER_INTERVAL = 0.25  #: … at what dry runs ask
RECHECK_INTERVAL = 30.0  #: seconds between two validations of the node in use


class ChainOwner:
    """Keeps the connection, follows blocks and drains. Each ledger has one owner of the chain."""

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
        self._ledger = ledger
        self._metrics = metrics
        self._clock = clock
        self._new_block = asyncio.Event()
        self._publisher = ChainStatusPublisher(ledger.chain_status, clock=clock)
        self._fitness = fitness = new_fitness(settings, ledger, urls, key, clock)
        self._link = link = Link(
            urls, validate_node=fitness.validate, on_block=self._new_block.set, timeout=settings.node_timeout,
            recheck=RECHECK_INTERVAL,
        )  # fmt: skip
        self._node = node_class(link.call)
        self._confirmed = new_confirmed_chain(self._node, link, urls, fitness, settings.node_timeout)
        self._allowances = Allowances(
            settings=settings, spending=ledger.spending, pins=ledger.pins, queries=ledger.queries,
            confirmed=self._confirmed,
        )  # fmt: skip
        self._observer = Observer(
            settings=settings, link=link, node=self._node, fitness=fitness, confirmed=self._confirmed,
            allowances=self._allowances, publisher=self._publisher, clock=clock,
        )  # fmt: skip
        self._tasks = Tasks(metrics, clock=clock)
        self._mailer = Mailer(settings, ledger.outbox, clock=clock)
        self._uptime = Uptime(ledger.downtime, clock=clock)
        self._alerts = self._new_alerts()
        self._running: list[asyncio.Task[None]] = []
        self._halted = False

    async def start(self) -> None:
        """Begin; returns at once, whether a node is there or not. Raises FaucetError without a ledger."""
        await self._publisher.load()
        await self._uptime.start()
        await self._purge_quotas()
        self._tracker = self._new_tracker()
        self._drainer = self._new_drainer()
        names = NamesCache(
            link=self._link,
            node=self._node,
            names=self._ledger.names,
            chain_status=self._publisher,
            confirmed=self._confirmed,
        )
        start = self._tasks.start
        self._connecting = start("chain link", self._link.run)
        self._drains = start("drainer", self._drainer.run)
        self._running = [
            self._drains,
            start("tracker", self._follow),
            start("names", names.run),
            start("reconciliation", self._reconcile),
            start("alerts", self._alerts.run),
            start("mailer", self._mailer.run),
            start("personal data", self._new_retention().run),
            start("drains", lambda: repeat(self._settings.drain_interval, self._drainer.wake)),
            start("uptime", lambda: repeat(TICK_INTERVAL, self._uptime.tick)),
            start("connection", lambda: repeat(CONNECTION_INTERVAL, self._observer.publish_connection)),
            start("dry runs", lambda: repeat(ANSWER_INTERVAL, self._answer)),
            start("quotas", lambda: repeat(PURGE_INTERVAL, self._purge_quotas)),
        ]

    def check(self) -> None:
        """Raises FaucetError `internal` if a background task has ended, which none does by itself."""
        for task in (self._connecting, *self._running) if self._running else ():
            if task.done():
                raise FaucetError(Code.INTERNAL, f"The task {task.get_name()} has ended.")

    async def halt(self) -> None:
        """Finish the drain in hand, within STOP_TIMEOUT seconds, and end the other tasks.

        What is left undone is on disk, for the next owner. A task may take longer to end, as where a mail server hangs;
        once the ledger is given back it sends and writes nothing.
        """
        if not self._running or self._halted:
            return
        self._halted = True
        self._drainer.stop()
        if not self._ledger.deposed.is_set():
            await asyncio.wait({self._drains}, timeout=STOP_TIMEOUT)
        await end_tasks(self._running, timeout=STOP_TIMEOUT)
        with contextlib.suppress(FaucetError):
            await self._uptime.stop()

    async def stop(self) -> None:
        """Halt, and close the connections."""
        await self.halt()
        if self._running:
            await self._tasks.end()
            await self._confirmed.close()

    def _new_alerts(self) -> Alerts:
        return Alerts(
            self._settings,
            self._ledger,
            wake=self._mailer.wake,
            clock=self._clock,
            failures=self._tasks.failures,
            uptime=self._uptime,
        )

    def _new_tracker(self) -> Tracker:
        blocks, confirmed = self._ledger.blocks, self._confirmed
        return Tracker(
            node=self._node,
            blocks=blocks,
            expirer=Expirer(expiry=self._ledger.expiry, blocks=blocks, confirmed=confirmed, clock=self._clock),
            reconciliation=self._ledger.reconciliation,
            settings=self._settings,
            metrics=self._metrics,
            clock=self._clock,
            confirmed=confirmed,
            account_ids=lambda: self._fitness.ids,
            check_head=self._check_head,
            on_read=self._observer.note_read,
            final_before=self._publisher.now.irreversible_block or 0,
        )

    def _new_retention(self) -> Retention:
        days = self._settings.personal_retention
        return Retention(self._ledger.personal, days, metrics=self._metrics, clock=self._clock)

    def _new_drainer(self) -> Drainer:
        return Drainer(
            link=self._link,
            node=self._node,
            ledger=self._ledger,
            settings=self._settings,
            metrics=self._metrics,
            fitness=self._fitness,
            confirmed=self._confirmed,
            allowances=self._allowances,
            standstill=self._standstill,
            chain_status=self._publisher,
        )

    async def _check_head(self, head: Head) -> None:
        """Raise UnfitNode where the head of the node in use fits neither the clock nor what was final already."""
        if self._link.peer is not None:
            self._fitness.check_time(head, self._link.peer)
        await self._fitness.check_number(head)

    def _standstill(self) -> str | None:
        """Why nothing can be signed before blocks are followed, for people."""
        if not self._link.connected:
            return f"No node is in use: {self._link.last_error}"
        if self._tracker.obstacle is not None:
            return self._tracker.obstacle
        return None if self._tracker.caught_up else "Blocks are read up to the chain's head before anything is signed."

    async def _follow(self) -> None:
        """Follow each new block, then let the drainer go on from there."""
        while True:
            await self._new_block.wait()
            self._new_block.clear()
            try:
                await self._follow_once()
            except UnfitNode as error:
                self._link.leave(str(error))
            except (LinkError, Refused, FaucetError) as error:
                log.warning("blocks not followed, retrying", extra={"fields": {"reason": error}})
            self._drainer.wake()

    async def _follow_once(self) -> None:
        head = await self._tracker.follow()
        await self._observer.publish(head, self._tracker)

    async def _answer(self) -> None:
        """Answer dry runs: they ask by the ledger, as their process may have no node."""
        try:
            await self._drainer.answer_referrers()
        except (LinkError, Refused, FaucetError) as error:
            log.info("dry runs not answered", extra={"fields": {"reason": error}})

    async def _reconcile(self) -> None:
        """Compare ledger and chain once in `reconcile_interval`."""
        ledger = self._ledger
        reconciler = Reconciler(
            node=self._node,
            reconciliation=ledger.reconciliation,
            pins=ledger.pins,
            chain_status=ledger.chain_status,
            settings=self._settings,
            confirmed=self._confirmed,
        )
        await reconcile_forever(
            reconciler,
            link=self._link,
            reconciliation=ledger.reconciliation,
            interval=self._settings.reconcile_interval,
            clock=self._clock,
        )

    async def _purge_quotas(self) -> None:
        try:
            await self._ledger.login_failures.purge()
            await self._ledger.signups.purge_quotas()
        except FaucetError as error:
            log.warning("quotas not erased", extra={"fields": {"reason": error}})
