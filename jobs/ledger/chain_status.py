"""What the chain's owner saw last, for the processes that serve HTTP."""

import json
from dataclasses import asdict, fields

from jobs.ledger.fact_rows import READ_FACTS, SAVE_FACT
from jobs.ledger.store import Part
from jobs.model.chain import ChainStatus

_NAMES = tuple(field.name for field in fields(ChainStatus))


class SavedChainStatus(Part):
    """Written by one process, read by all."""

    async def load(self) -> ChainStatus:
        """What the chain's owner saw last."""
        rows = await self._store.read(READ_FACTS)
        known = {row["name"]: json.loads(row["value"]) for row in rows}
        return ChainStatus(**{name: known[name] for name in _NAMES if name in known})

    async def save(self, status: ChainStatus) -> None:
        """Replace what is known of the chain."""
        rows = [(name, json.dumps(value)) for name, value in asdict(status).items()]
        await self._store.run(lambda tx: tx.executemany(SAVE_FACT, rows))
