"""The activity charts' counts of signups."""

from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.model.job import Job, Limits, Signup
from jobs.model.operators import Span
from jobs.model.transaction import BlockEffects
from tests.harness.ledgers import opened
from tests.harness.program import keys_of
from tests.harness.serving import broadcast, register

pytestmark = pytest.mark.usefixtures("each_engine")

DAY = 86_400
START = 20_000 * DAY  #: midnight, seconds
FREE = Limits(queue=1000)


class Clock:
    """A clock that a test advances."""

    now = START

    def __call__(self) -> float:
        return self.now


async def accepted(ledger: Ledger, name: str) -> Job:
    return await ledger.signups.accept(Signup(name, **keys_of(name)), FREE)


async def registered(ledger: Ledger) -> int:
    """The numbers of accounts included, by minute."""
    return sum(span.registered for span in await ledger.activity.per_minute(0))


async def test_activity_is_counted_by_minute_and_day(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        alice, bob = await accepted(ledger, "alice-1"), await accepted(ledger, "bob-1")
        clock.now = START + 61
        await register(ledger, alice)
        assert await ledger.activity.registration_rate() == pytest.approx(1 / 61)
        clock.now = START + DAY
        assert await ledger.activity.registration_rate() == 0
        await ledger.operators.fail([bob.id], by="ann", reason="spam")
        minute = 60_000
        start = START * 1000
        assert await ledger.activity.per_minute(0) == [
            Span(start, 2, 0, 0),
            Span(start + minute, 0, 1, 0),
            Span(start + DAY * 1000, 0, 0, 1),
        ]
        assert await ledger.activity.per_day(0) == [Span(start, 2, 1, 0), Span(start + DAY * 1000, 0, 0, 1)]
        assert await ledger.activity.per_minute(start + 1) == (await ledger.activity.per_minute(0))[1:]
        assert await ledger.activity.accepted_since(0) == 2
        assert await registered(ledger) == 1
        assert await ledger.activity.latencies() == [61_000]


async def test_orphaned_account_is_counted_once_it_is_back(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        transaction = await broadcast(ledger, await accepted(ledger, "alice-1"))

        async def follow(number: int) -> None:
            effects = BlockEffects(number, f"{number:040x}", {transaction.signature: ("1.2.9",)}, ())
            await ledger.blocks.follow([effects], 1_000)

        await follow(1_001)
        await ledger.blocks.orphan(1_001)
        assert await registered(ledger) == 0
        clock.now = START + 60
        await follow(1_002)
        assert [span.registered for span in await ledger.activity.per_minute(0)] == [0, 1]
        assert [span.registered for span in await ledger.activity.per_day(0)] == [1]
