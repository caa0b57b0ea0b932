"""What every request needs to know of the chain, in memory."""

from jobs.ledger import Ledger
from jobs.model.chain import ChainFacts
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.model.operators import Pause


class Snapshot:
    """Facts, pauses and pace as the ledger had them at the last refresh, so that no request has to ask."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.facts = ChainFacts()
        self.intake: Pause | None = None
        self.drain: Pause | None = None
        self.pace = 0.0  #: accounts a second that come into a block

    async def refresh(self) -> None:
        """Read them anew. Raises FaucetError `ledger_unavailable`, and keeps the old ones then."""
        facts, pauses, self.pace = await self._ledger.facts(), await self._ledger.pauses(), await self._ledger.pace()
        self.facts, self.intake, self.drain = facts, pauses.get("intake"), pauses.get("drain")
