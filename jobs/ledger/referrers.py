"""Whom a registration would name as referrer now: asked by HTTP processes, answered by the chain's owner."""

from collections.abc import Mapping

import msgspec

from jobs.ledger.store import Part, Store, Tx
from jobs.model.chain import ReferrerAnswer

FRESH = 60_000  #: milliseconds that an answer is good for: a membership may end, and the fee may step up
MAX_QUESTIONS = 10_000  #: that are kept
BATCH = 100  #: questions that are answered at once

ANSWER = "SELECT answer FROM referrer_questions WHERE asked = ? AND answered_at > ?"
PURGE = "DELETE FROM referrer_questions WHERE asked_at < ?"
ASK = """
    INSERT INTO referrer_questions (asked, asked_at) SELECT ?, ?
    WHERE (SELECT count(*) FROM referrer_questions) < ?
    ON CONFLICT (asked) DO NOTHING
"""
UNANSWERED = "SELECT asked FROM referrer_questions WHERE answer IS NULL ORDER BY asked LIMIT ?"
SAVE_ANSWER = "UPDATE referrer_questions SET answer = ?, answered_at = ? WHERE asked = ?"

_read = msgspec.json.Decoder(ReferrerAnswer).decode


class Referrers(Part):
    """Questions and answers by the referrer that a signup asks for; empty where it asks for none."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._none_at: int | None = None  # the ledger's version in which nothing waited for an answer

    async def answer(self, referrer: str) -> ReferrerAnswer | None:
        """The answer, if it is fresh."""
        rows = await self._store.read(ANSWER, (referrer, self._store.now() - FRESH))
        return _read(rows[0]["answer"]) if rows else None

    async def ask(self, referrer: str) -> None:
        """Ask, unless too many are asked for already."""

        def step(tx: Tx) -> None:
            tx.execute(PURGE, (tx.now - FRESH,))
            tx.execute(ASK, (referrer, tx.now, MAX_QUESTIONS))

        await self._store.run(step)

    async def unanswered(self) -> list[str]:
        """BATCH of what waits for an answer. Costs little while nothing was written."""
        version = await self._store.version()
        if version == self._none_at:
            return []
        rows = await self._store.read(UNANSWERED, (BATCH,))
        self._none_at = None if rows else version
        return [row["asked"] for row in rows]

    async def save_answers(self, answers: Mapping[str, ReferrerAnswer]) -> None:
        """Keep `answers` by the referrer that was asked for."""

        def step(tx: Tx) -> None:
            tx.executemany(
                SAVE_ANSWER,
                [(msgspec.json.encode(answer).decode(), tx.now, referrer) for referrer, answer in answers.items()],
            )

        await self._store.run(step)
