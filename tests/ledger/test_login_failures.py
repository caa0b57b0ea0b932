"""How many logins may fail, whichever process counts them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jobs.errors import FaucetError
from jobs.ledger import Ledger
from tests.harness.ledgers import open_ledger, raw
from tests.harness.serving import NOW

pytestmark = pytest.mark.usefixtures("each_engine")

ADDRESS = "192.0.2.1"


@asynccontextmanager
async def opened_twice(folder: Path, clock: Callable[[], float] = lambda: NOW) -> AsyncIterator[tuple[Ledger, Ledger]]:
    """A ledger as two processes have it."""
    ledgers = [await open_ledger(folder, clock) for _ in range(2)]
    try:
        yield ledgers[0], ledgers[1]
    finally:
        for ledger in ledgers:
            await ledger.close()


async def outcome(ledger: Ledger, client: str | None = ADDRESS) -> int:
    """Seconds to wait for another attempt; 0 if this one was counted."""
    try:
        await ledger.login_failures.count(client)
    except FaucetError as error:
        return error.retry_after or 0
    return 0


async def test_failures_count_in_every_process(tmp_path: Path) -> None:
    async with opened_twice(tmp_path) as (one, other):
        outcomes = await asyncio.gather(*(outcome(ledger) for ledger in (one, other) for _ in range(20)))
        assert sorted(outcomes) == [0] * 5 + [60] * 35
        assert [await outcome(ledger, "192.0.2.2") for ledger in (one, other)] == [0, 0]


async def test_failures_of_everybody_count_in_every_process(tmp_path: Path) -> None:
    async with opened_twice(tmp_path) as ledgers:
        outcomes = [await outcome(ledgers[number % 2], f"192.0.2.{number}") for number in range(60)]
        assert outcomes == [0] * 50 + [2] * 10
        assert [await outcome(ledger, None) for ledger in ledgers] == [0, 0]


async def test_failures_outlast_a_restart(tmp_path: Path) -> None:
    for expected in ([0] * 5 + [60], [60] * 6):
        async with opened_twice(tmp_path) as (ledger, _):
            assert [await outcome(ledger) for _ in range(6)] == expected


async def test_failure_is_forgiven_every_minute(tmp_path: Path) -> None:
    time = float(NOW)
    async with opened_twice(tmp_path, lambda: time) as (ledger, _):
        assert [await outcome(ledger) for _ in range(6)] == [0] * 5 + [60]
        time += 59.5
        assert await outcome(ledger) == 1
        time += 60.5
        assert [await outcome(ledger) for _ in range(3)] == [0, 0, 60]


@pytest.mark.parametrize("client", [ADDRESS, None])
async def test_right_password_leaves_no_failure(tmp_path: Path, client: str | None) -> None:
    async with opened_twice(tmp_path) as (one, other):
        for _ in range(60):
            assert await outcome(one, client) == 0
            await other.login_failures.forgive(client)


@pytest.mark.parametrize(("seconds", "expected"), [(1, [61] * 2), (86_400, [0] * 5 + [60])])
async def test_clock_set_back_makes_nobody_wait_for_as_long(tmp_path: Path, seconds: int, expected: list[int]) -> None:
    time = float(NOW)
    async with opened_twice(tmp_path, lambda: time) as (ledger, _):
        assert [await outcome(ledger) for _ in range(6)] == [0] * 5 + [60]
        time -= seconds
        assert [await outcome(ledger) for _ in expected] == expected


async def test_address_is_erased_once_its_failures_are_forgiven(tmp_path: Path) -> None:
    time = float(NOW)
    async with opened_twice(tmp_path, lambda: time) as (ledger, _):
        for client, after in ((ADDRESS, 60), ("192.0.2.2", 59)):
            await outcome(ledger, client)
            time += after
        await ledger.login_failures.purge()
        assert raw(tmp_path, "SELECT client FROM login_failures ORDER BY client") == [("192.0.2.2",)]
        time += 1
        await ledger.login_failures.purge()
        assert raw(tmp_path, "SELECT client FROM login_failures") == []
