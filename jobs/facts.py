"""What the chain's owner tells the HTTP side, through the ledger."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from jobs.ledger import Ledger
from jobs.model.chain import ChainFacts


class Facts:
    """The facts now; every update is written to the ledger, which other processes read."""

    def __init__(self, ledger: Ledger, *, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self.now = ChainFacts()
        self._written: ChainFacts | None = None  # what the ledger has

    @property
    def written(self) -> bool:
        """Whether the ledger has them as they are now."""
        return self._written is self.now

    async def load(self) -> None:
        """Begin with what was known before the last stop, but not connected."""
        self.now = replace(await self._ledger.facts(), connected=False, node=None, failovers=0)

    async def change(self, **changes: Any) -> None:
        """Change facts by name, if they are others or the ledger lacks them. Raises the same as `update`."""
        known = {name: getattr(self.now, name) for name in changes}
        if changes != known or not self.written:
            await self.update(**changes)

    async def update(self, **changes: Any) -> None:
        """Change facts by name. Raises FaucetError `ledger_unavailable`; they are kept in memory all the same."""
        facts = self.now = replace(self.now, **changes, seen_at=int(self._clock() * 1000))
        await self._ledger.put_facts(facts)
        self._written = facts
