"""Whom a registration would name as referrer now: asked by HTTP processes, answered by the chain's owner."""

from collections.abc import Mapping

import msgspec

from jobs.ledger.book import Book
from jobs.ledger.database import Connection
from jobs.model.chain import ReferrerAnswer

FRESH = 60_000  #: milliseconds that an answer is good for: a membership may end, and the fee may step up
MAX_QUESTIONS = 10_000  #: that are kept
BATCH = 100  #: questions that are answered at once

_read = msgspec.json.Decoder(ReferrerAnswer).decode


class Referrers(Book):
    """Questions and answers by the referrer that a signup asks for; empty where it asks for none."""

    async def referrer_answer(self, asked: str) -> ReferrerAnswer | None:
        """The answer, if it is fresh."""
        rows = await self._database.read(
            "SELECT answer FROM referrer_questions WHERE asked = ? AND answered_at > ?", (asked, self._now() - FRESH)
        )
        return _read(rows[0]["answer"]) if rows else None

    async def ask_referrer(self, asked: str) -> None:
        """Ask, unless too many are asked for already."""
        now = self._now()

        def step(connection: Connection) -> None:
            connection.execute("DELETE FROM referrer_questions WHERE asked_at < ?", (now - FRESH,))
            connection.execute(
                """
                INSERT INTO referrer_questions (asked, asked_at) SELECT ?1, ?2
                WHERE (SELECT count(*) FROM referrer_questions) < ?3
                ON CONFLICT (asked) DO NOTHING
                """,
                (asked, now, MAX_QUESTIONS),
            )

        await self._database.run(step)

    async def referrers_asked(self) -> list[str]:
        """What waits for an answer."""
        rows = await self._database.read(
            "SELECT asked FROM referrer_questions WHERE answer IS NULL ORDER BY asked LIMIT ?", (BATCH,)
        )
        return [row["asked"] for row in rows]

    async def answer_referrers(self, answers: Mapping[str, ReferrerAnswer]) -> None:
        """Answer."""
        now = self._now()
        rows = [(msgspec.json.encode(answer).decode(), now, asked) for asked, answer in answers.items()]
        await self._database.run(
            lambda connection: connection.executemany(
                "UPDATE referrer_questions SET answer = ?, answered_at = ? WHERE asked = ?", rows
            )
        )
