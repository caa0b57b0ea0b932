"""Whose turn it is to write."""

import asyncio
from pathlib import Path

import pytest

from jobs.ledger.turn import Turn
from tests.serving import turn
from tests.support import run


def test_turn_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two = Turn(tmp_path), Turn(tmp_path)
        order = []

        async def write(mine: Turn, name: str) -> None:
            async with mine():
                order.append(name)

        async with one():
            waiting = asyncio.create_task(write(two, "two"))
            await turn()
            order.append("one")
        await waiting
        assert order == ["one", "two"]
        one.close()
        two.close()
        two.close()

    run(scenario())


def test_turn_of_who_does_not_wait_any_more_is_free(tmp_path: Path) -> None:
    async def scenario() -> None:
        one, two, three = (Turn(tmp_path) for _ in range(3))

        async def write() -> None:
            async with two():
                raise AssertionError("it was called off")

        async with one():
            waiting = asyncio.create_task(write())
            await turn()
            waiting.cancel()
            await asyncio.wait({waiting})
            assert waiting.cancelled()
        async with three():
            """Free, as soon as the one called off has had it."""
        for each in (one, two, three):
            each.close()

    run(scenario())


def test_who_never_leaves_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.ledger.turn.PATIENCE", 0.01)

    async def scenario() -> None:
        one, two = Turn(tmp_path), Turn(tmp_path)
        async with one(), two():
            """SQLite says whether it can be written."""
        one.close()
        two.close()

    run(scenario())
