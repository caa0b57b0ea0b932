"""How many signups there were when, and how long they took."""

from jobs.ledger.sql import Query, names_of
from jobs.ledger.store import Part
from jobs.model.operators import Span

MINUTE_MS = 60_000  #: milliseconds

SPANS = Query(f"SELECT {names_of(Span)} FROM activity WHERE span = ? AND start >= ? ORDER BY start", Span)
LATENCIES = """
    SELECT registered_at - created_at AS latency FROM jobs
    WHERE registered_at IS NOT NULL ORDER BY registered_at DESC LIMIT ?
"""


class Activity(Part):
    """Reads that cost the same with ten jobs and ten million."""

    async def per_minute(self, since: int) -> list[Span]:
        """The minutes since `since`, milliseconds, in which something happened, the oldest first."""
        return await self._store.rows(SPANS, ("minute", since))

    async def per_day(self, since: int) -> list[Span]:
        """The days (UTC) since `since`, milliseconds, in which something happened, the oldest first."""
        return await self._store.rows(SPANS, ("day", since))

    async def accepted_since(self, since: int) -> int:
        """How many jobs were accepted in the minutes since `since`, milliseconds."""
        return sum(span.accepted for span in await self.per_minute(since))

    async def registration_rate(self) -> float:
        """How many accounts a second came into a block, in this minute and the one before."""
        now = self._store.now()
        since = (now // MINUTE_MS - 1) * MINUTE_MS
        return sum(span.registered for span in await self.per_minute(since)) * 1000 / (now - since)

    async def latencies(self, limit: int = 1000) -> list[int]:
        """Milliseconds from accepted to in a block of the `limit` accounts that came into one last."""
        return [row["latency"] for row in await self._store.read(LATENCIES, (limit,))]
