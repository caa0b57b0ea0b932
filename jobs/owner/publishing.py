"""What the owner of the chain sees of it, published for the processes that serve HTTP."""

import logging
from collections.abc import Callable
from typing import Any

from chain.connection import Peer
from chain.link import Link
from chain.node import Head, Node
from jobs.blocks.tracker import Tracker
from jobs.chain_status import ChainStatusPublisher
from jobs.drain.allowance import Allowances
from jobs.errors import FaucetError
from jobs.nodes.confirmation import ConfirmedChain
from jobs.nodes.fitness import Fitness
from jobs.observe import OBSERVED, configured_accounts, observe
from jobs.settings import Settings

log = logging.getLogger("faucet.owner")

READ_INTERVAL = 10.0  #: seconds between two notes that many blocks are being read


class Observer:
    """Publishes the state of chain, registrar and connection."""

    def __init__(
        self,
        *,
        settings: Settings,
        link: Link,
        node: Node,
        fitness: Fitness,
        confirmed: ConfirmedChain,
        allowances: Allowances,
        publisher: ChainStatusPublisher,
        clock: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._link = link
        self._node = node
        self._fitness = fitness
        self._confirmed = confirmed
        self._allowances = allowances
        self._publisher = publisher
        self._clock = clock

    async def publish(self, head: Head, tracker: Tracker) -> None:
        """Publish what the node in use shows, and what `tracker` made of its blocks up to `head`.

        Raises UnfitNode, LinkError, Refused or FaucetError.
        """
        peer = self._link.peer
        if peer is None:
            return
        await self._publisher.update(
            **await self._observe(head, peer),
            observed_at=int(self._clock() * 1000),
            irreversible_block=tracker.final,
            **self._confirmation(tracker.unconfirmed),
            **self._connection(),
        )

    async def publish_connection(self) -> None:
        """Publish whether a node is in use, and why none is: the reason may change."""
        try:
            await self._publisher.change(**self._connection())
        except FaucetError as error:
            log.warning("connection not published", extra={"fields": {"reason": error}})

    async def note_read(self) -> None:
        """Publish that blocks are read, while there are so many that the head is published much later.

        Raises FaucetError `ledger_unavailable`.
        """
        now, status = self._clock(), self._publisher.now
        if now - max(status.head_time or 0, (status.read_at or 0) / 1000) >= READ_INTERVAL:
            await self._publisher.update(read_at=int(now * 1000))

    async def _observe(self, head: Head, peer: Peer) -> dict[str, Any]:
        """The fields of the chain's status that the node in use shows."""
        accounts = await configured_accounts(self._node, self._settings)
        await self._fitness.account_ids(accounts, peer)
        profile = self._fitness.profile
        if profile is None:
            return {"head_block": head.number, "head_time": head.time}
        own, allow = self._fitness.is_own(peer), self._allowances.now
        status = await observe(self._node, self._settings, profile, accounts, head=head, own=own, allow=allow)
        return {name: getattr(status, name) for name in OBSERVED}

    def _confirmation(self, unconfirmed: str | None) -> dict[str, Any]:
        """Why nothing is taken for final, and since when."""
        since = None
        if unconfirmed is not None:
            since = self._publisher.now.unconfirmed_since or int(self._clock() * 1000)
        return {"unconfirmed": unconfirmed, "unconfirmed_since": since}

    def _connection(self) -> dict[str, str | int | bool | None]:
        link = self._link
        return {
            "connected": link.connected, "node": link.url, "failovers": link.failovers, "last_error": link.last_error,
            "stranger": self._confirmed.stranger if link.connected else None,
        }  # fmt: skip
