"""How many signups there were when, and how long they took."""

from jobs.ledger.book import Book
from jobs.model.operators import Span

MINUTE = 60_000  #: milliseconds


class Activity(Book):
    """Reads that cost the same with ten jobs and ten million."""

    async def per_minute(self, since: int) -> list[Span]:
        """The minutes since `since`, milliseconds, in which something happened, the oldest first."""
        return await self._spans("minute", since)

    async def per_day(self, since: int) -> list[Span]:
        """The days (UTC) since `since`, milliseconds, in which something happened, the oldest first."""
        return await self._spans("day", since)

    async def accepted_in(self, since: int) -> int:
        """How many jobs were accepted in the minutes since `since`, milliseconds."""
        return sum(span.accepted for span in await self.per_minute(since))

    async def registration_rate(self) -> float:
        """How many accounts a second came into a block, in this minute and the one before."""
        now = self._now()
        since = (now // MINUTE - 1) * MINUTE
        return sum(span.registered for span in await self.per_minute(since)) * 1000 / (now - since)

    async def waits(self, limit: int = 1000) -> list[int]:
        """Milliseconds from accepted to in a block of the `limit` accounts that came into one last."""
        rows = await self._database.read(
            """
            SELECT registered_at - created_at AS waited FROM jobs
            WHERE registered_at IS NOT NULL ORDER BY registered_at DESC LIMIT ?
            """,
            (limit,),
        )
        return [row["waited"] for row in rows]

    async def _spans(self, span: str, since: int) -> list[Span]:
        rows = await self._database.read(
            "SELECT start, accepted, registered, failed FROM activity WHERE span = ? AND start >= ? ORDER BY start",
            (span, since),
        )
        return [Span(*row) for row in rows]
