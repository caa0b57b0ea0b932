"""What stands still, and why: the taking of signups, or the drain."""

from jobs.ledger.store import Part
from jobs.model.operators import Pause

PAUSES = "SELECT part, reason, by, since, automatic FROM pauses"
AUTO_PAUSE = """
    INSERT INTO pauses (part, reason, by, since, automatic) VALUES ('drain', ?, 'faucet', ?, TRUE)
    ON CONFLICT (part) DO UPDATE SET reason = excluded.reason WHERE pauses.automatic = TRUE
"""
END_AUTO_PAUSE = "DELETE FROM pauses WHERE part = 'drain' AND automatic = TRUE"


class Pauses(Part):
    """Those of operators are made and ended in OperatorActions, with an entry in the audit."""

    async def active(self) -> dict[str, Pause]:
        """What stands still now, by its part: `intake` or `drain`."""
        rows = await self._store.read(PAUSES)
        return {row["part"]: Pause(row["reason"], row["by"], row["since"], bool(row["automatic"])) for row in rows}

    async def auto_pause(self, reason: str) -> None:
        """Let the drain stand still for the faucet's own `reason`. An operator's pause is not replaced."""
        await self._store.run(lambda tx: tx.execute(AUTO_PAUSE, (reason, tx.now)))

    async def end_auto_pause(self) -> None:
        """End the faucet's own pause of the drain; an operator's stays."""
        await self._store.execute(END_AUTO_PAUSE)
