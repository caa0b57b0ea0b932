"""When the faucet ran last, and when it did not: so that a restart is told from a chain without blocks."""

import json

from jobs.ledger.fact_rows import READ_FACT, save_fact
from jobs.ledger.store import Part
from jobs.model.downtime import Downtime

_NAME = "downtime"


class SavedDowntime(Part):
    """Written by the owner of the chain, read by all."""

    async def load(self) -> tuple[int, Downtime]:
        """When it was saved last, milliseconds since 1970, 0 if never; and the gaps until then."""
        rows = await self._store.read(READ_FACT, (_NAME,))
        if not rows:
            return 0, Downtime()
        saved = json.loads(rows[0]["value"])
        return saved["saved_at"], Downtime(tuple((start, end) for start, end in saved["gaps"]))

    async def save(self, at: int, downtime: Downtime) -> None:
        """Replace it; `at` is in milliseconds since 1970."""
        await self._store.run(lambda tx: save_fact(tx, _NAME, {"saved_at": at, "gaps": downtime.gaps}))
