"""What a process has of the chain while it owns it: the chain's owner, and the embedded dev chain."""

from collections.abc import Callable

from chain.node import Node
from commands.chain import open_chain
from devchain import DevChain
from devchain.journal import JournalError
from jobs.ledger import Ledger
from jobs.monitoring.metrics import Metrics
from jobs.owner import ChainOwner
from jobs.settings import Settings


class OwnedChain:
    """Begins with an epoch, and ends with it."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        metrics: Metrics,
        *,
        node_class: type[Node],
        opened: Callable[[DevChain | None], None],
        fail: Callable[[JournalError], None],
    ) -> None:
        """`ledger` writes in this epoch only.

        `opened` is called with the dev chain once it listens, and with None once it ended; `fail` with why it can't
        be opened.
        """
        self._settings = settings
        self._ledger = ledger
        self._metrics = metrics
        self._node_class = node_class
        self._opened = opened
        self._fail = fail
        self._dev_chain: DevChain | None = None
        self._owner: ChainOwner | None = None

    async def start(self) -> None:
        """Raises OSError where the dev chain can't be opened, FaucetError without a ledger."""
        # Under the lease: two processes must not make blocks of one chain.
        try:
            self._dev_chain, urls, key = await open_chain(self._settings)
        except JournalError as error:
            self._fail(error)
            raise
        self._owner = ChainOwner(
            settings=self._settings, urls=urls, key=key, ledger=self._ledger, metrics=self._metrics,
            node_class=self._node_class,
        )  # fmt: skip
        await self._owner.start()
        if self._dev_chain is not None:
            self._opened(self._dev_chain)

    def check(self) -> None:
        """Raises FaucetError `internal` if a background task of the owner has ended."""
        if self._owner is not None:
            self._owner.check()

    async def halt(self) -> None:
        """Finish the drain in hand, quickly, and make no more blocks."""
        if self._owner is not None:
            await self._owner.halt()
        if self._dev_chain is not None:
            await self.stop()  # else the next owner finds its file in use

    async def stop(self) -> None:
        """Close the connections, and the dev chain."""
        if self._owner is not None:
            await self._owner.stop()
        if self._dev_chain is not None:
            await self._dev_chain.stop()
            self._opened(None)
