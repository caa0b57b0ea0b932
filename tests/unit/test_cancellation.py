"""Tasks end, whatever their libraries do with a cancellation."""

import asyncio

import pytest

from chain import cancellation
from chain.cancellation import end_tasks


async def test_task_ends_though_it_lost_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation, "AGAIN", 0.0)
    answer = asyncio.get_running_loop().create_future()

    async def work() -> None:
        await asyncio.wait_for(answer, timeout=60)
        await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    answer.set_result(None)  # and the cancellation comes before the task hears of it
    await end_tasks([task])
    assert task.cancelled()


async def test_task_that_goes_on_is_left_when_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cancellation, "AGAIN", 0.0)
    over = asyncio.Event()
    cancelled = 0

    async def work() -> None:
        nonlocal cancelled
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                cancelled += 1

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end_tasks([task], timeout=0.05)
    assert not task.done()
    assert cancelled > 1
    over.set()
    await task


async def test_how_a_task_failed_counts_as_seen(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    await end_tasks([task])
    del task
    assert caplog.records == []
