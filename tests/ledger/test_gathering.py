"""Which signups share a commit."""

import asyncio
from collections import deque

import pytest

from jobs.ledger.gathering import ENOUGH, EXPECT_TIMEOUT, Gathering
from tests.harness.serving import turn


class Crowd:
    """Signups that wait for their commit."""

    def __init__(self) -> None:
        self.waiting = deque[int]()
        self.gathering = Gathering(self.waiting)

    def arrive(self, count: int = 1) -> None:
        """Let so many more wait."""
        for number in range(count):
            self.waiting.append(number)
            self.gathering.note_arrival()

    async def settled(self, task: asyncio.Task[None]) -> bool:
        """Whether `task` ends without anything else."""
        for _ in range(10):
            await turn()
        return task.done()


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Nobody waits yet; who is expected may come for as long as the test lasts."""
    monkeypatch.setattr("jobs.ledger.gathering.EXPECT_TIMEOUT", 60.0)
    return Crowd()


async def test_first_signups_wait_for_nobody(crowd: Crowd) -> None:
    crowd.arrive(2)
    assert await crowd.settled(asyncio.create_task(crowd.gathering.wait()))


async def test_clients_that_got_their_response_are_expected(crowd: Crowd) -> None:
    """With those that waited meanwhile they are one group again: else there would be two, at twice the cost."""
    crowd.arrive(3)
    crowd.gathering.note_responses(2)
    gathering = asyncio.create_task(crowd.gathering.wait())
    assert not await crowd.settled(gathering)
    crowd.arrive()
    assert not await crowd.settled(gathering)
    crowd.arrive()
    assert await crowd.settled(gathering)


async def test_no_more_are_expected_than_are_enough(crowd: Crowd) -> None:
    crowd.gathering.note_responses(500)
    crowd.arrive(ENOUGH - 1)
    gathering = asyncio.create_task(crowd.gathering.wait())
    assert not await crowd.settled(gathering)
    crowd.arrive()
    assert await crowd.settled(gathering)


async def test_those_who_do_not_come_are_not_waited_for_long() -> None:
    crowd = Crowd()
    crowd.gathering.note_responses(2)
    crowd.arrive()
    await crowd.gathering.wait()
    crowd.gathering.note_responses(2)
    loop = asyncio.get_running_loop()
    end = loop.time() + EXPECT_TIMEOUT
    while loop.time() < end:
        await turn()
    assert await crowd.settled(asyncio.create_task(crowd.gathering.wait()))
