"""What every request needs to know of the chain, in memory."""

from jobs.ledger import Ledger
from jobs.model import ChainFacts, Pause


class Snapshot:
    """Facts and pauses as the ledger had them at the last refresh, so that no request has to ask."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.facts = ChainFacts()
        self.intake: Pause | None = None
        self.drain: Pause | None = None

    async def refresh(self) -> None:
        """Read them anew. Raises FaucetError `ledger_unavailable`, and keeps the old ones then."""
        facts, pauses = await self._ledger.facts(), await self._ledger.pauses()
        self.facts, self.intake, self.drain = facts, pauses.get("intake"), pauses.get("drain")
