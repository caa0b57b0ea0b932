"""What the chain is, kept at first contact: no node may change it later."""

from collections.abc import Mapping

from jobs.ledger.book import Book
from jobs.ledger.database import Connection
from jobs.model.chain import Pin

# A lone stranger's word gives way to an own node's, or to that of two nodes; nothing else replaces a pin.
_PIN = """
    INSERT INTO pins (name, value, agreed, pinned_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (name) DO UPDATE SET value = ?2, agreed = ?3, pinned_at = ?4 WHERE NOT agreed AND ?3
"""
_LOWEST_FEE = """
    INSERT INTO lowest_fees (operation, satoshi, agreed, seen_at) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (operation) DO UPDATE SET satoshi = ?2, agreed = ?3, seen_at = ?4
    WHERE ?3 AND (NOT agreed OR ?2 < satoshi)
"""


class Pins(Book):
    """Pins, and the lowest fees seen."""

    async def pins(self) -> dict[str, Pin]:
        """What is pinned, by name: chain_id, prefix, symbol, precision, `account NAME`."""
        rows = await self._database.read("SELECT name, value, agreed FROM pins")
        return {row["name"]: Pin(row["value"], bool(row["agreed"])) for row in rows}

    async def pin(self, values: Mapping[str, str], *, agreed: bool) -> None:
        """Pin `values` by name; what is pinned stays, unless it was one stranger's word and these are `agreed`."""
        now = self._now()

        def step(connection: Connection) -> None:
            connection.executemany(_PIN, [(name, value, agreed, now) for name, value in values.items()])

        await self._database.run(step)

    async def lowest_fees(self) -> dict[str, int]:
        """The lowest fee seen on this chain by operation, satoshi: account_create, transfer, assert."""
        rows = await self._database.read("SELECT operation, satoshi FROM lowest_fees")
        return {row["operation"]: row["satoshi"] for row in rows}

    async def save_lowest_fees(self, fees: Mapping[str, int], *, agreed: bool) -> None:
        """Keep those of `fees`, satoshi, that are lower than before or new; a lone stranger's only if they are new."""
        now = self._now()

        def step(connection: Connection) -> None:
            connection.executemany(_LOWEST_FEE, [(name, fee, agreed, now) for name, fee in fees.items()])

        await self._database.run(step)
