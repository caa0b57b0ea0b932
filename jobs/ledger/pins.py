"""What the chain is, kept at first contact: no node may change it later."""

from collections.abc import Mapping

from jobs.ledger.store import Part, Tx
from jobs.model.chain import Pin

PINS = "SELECT name, value, agreed FROM pins"
# A lone stranger's word gives way to an own node's, or to that of two nodes; nothing else replaces a pin.
SAVE_PIN = """
    INSERT INTO pins (name, value, agreed, pinned_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, agreed = excluded.agreed, pinned_at = excluded.pinned_at
    WHERE pins.agreed = FALSE AND excluded.agreed = TRUE
"""
LOWEST_FEES = "SELECT operation, satoshi FROM lowest_fees"
SAVE_LOWEST_FEE = """
    INSERT INTO lowest_fees (operation, satoshi, agreed, seen_at) VALUES (?, ?, ?, ?)
    ON CONFLICT (operation) DO UPDATE SET
        satoshi = excluded.satoshi, agreed = excluded.agreed, seen_at = excluded.seen_at
    WHERE excluded.agreed = TRUE AND (lowest_fees.agreed = FALSE OR excluded.satoshi < lowest_fees.satoshi)
"""


class Pins(Part):
    """Pins, and the lowest fees seen."""

    async def all(self) -> dict[str, Pin]:
        """What is pinned, by name: chain_id, prefix, symbol, precision, `account NAME`."""
        rows = await self._store.read(PINS)
        return {row["name"]: Pin(row["value"], bool(row["agreed"])) for row in rows}

    async def save(self, values: Mapping[str, str], *, agreed: bool) -> None:
        """Pin `values` by name; what is pinned stays, unless it was one stranger's word and these are `agreed`."""

        def step(tx: Tx) -> None:
            tx.executemany(SAVE_PIN, [(name, value, agreed, tx.now) for name, value in values.items()])

        await self._store.run(step)

    async def lowest_fees(self) -> dict[str, int]:
        """The lowest fee seen on this chain by operation, satoshi: account_create, transfer, assert."""
        rows = await self._store.read(LOWEST_FEES)
        return {row["operation"]: row["satoshi"] for row in rows}

    async def save_lowest_fees(self, fees: Mapping[str, int], *, agreed: bool) -> None:
        """Keep those of `fees`, satoshi, that are lower than before or new; a lone stranger's only if they are new."""

        def step(tx: Tx) -> None:
            tx.executemany(SAVE_LOWEST_FEE, [(name, fee, agreed, tx.now) for name, fee in fees.items()])

        await self._store.run(step)
