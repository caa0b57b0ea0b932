"""Quotas: what is spent, by whom, for how long; and that nothing of a client's network is at rest."""

import asyncio
from pathlib import Path

import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger.quotas import GENERATION
from jobs.model.job import Limits, Quota
from jobs.settings.network_limits import NetworkLimit
from jobs.ways.networks import network_quotas
from tests.harness.ledgers import Clock, code_of, open_ledger, opened, raw, signup

pytestmark = pytest.mark.usefixtures("each_engine")

HOUR = 3600
SCHOOL = (NetworkLimit(4, 24, 3, HOUR), NetworkLimit(6, 56, 2, HOUR), NetworkLimit(6, 48, 3, HOUR))


def limits(client: str, interval: int = 0) -> Limits:
    return Limits(queue=1000, quotas=network_quotas(client, interval, SCHOOL))


def one_of(capacity: int, interval: int = HOUR) -> Limits:
    return Limits(queue=1000, quotas=(Quota("limit", "anything", capacity, interval, "enough"),))


@pytest.mark.parametrize(
    ("clients", "accepted"),
    [
        ([f"192.0.2.{number}" for number in range(10)], 3),
        ([f"192.0.{number}.1" for number in range(10)], 10),
        ([f"2001:db8:0:{number:x}::/64" for number in range(10)], 2),
        ([f"2001:db8:0:{number:x}00::/64" for number in range(10)], 3),
        ([f"2001:db8:{number:x}::/64" for number in range(10)], 10),
        # An IPv4 address has a /48 of tunnels, and its /24 counts them with all others.
        ([f"2002:c000:0201:{number:x}::/64" for number in range(10)], 3),
        (["192.0.2.7", "2002:c000:0208::/64", "2002:c000:0209:1::/64", "192.0.2.8"], 3),
    ],
)
async def test_networks_are_limited_each_within_a_larger_one(tmp_path: Path, clients: list[str], accepted: int) -> None:
    async with opened(tmp_path) as ledger:
        attempts = [ledger.signups.accept(signup(f"net-{place}"), limits(each)) for place, each in enumerate(clients)]
        codes = await asyncio.gather(*map(code_of, attempts))
        assert codes == [None] * accepted + [Code.THROTTLED] * (len(clients) - accepted)


async def test_two_machines_count_together(tmp_path: Path) -> None:
    here, there = [await open_ledger(tmp_path) for _ in range(2)]
    attempts = [
        ledger.signups.accept(signup(f"{place}-{number}"), one_of(5))
        for place, ledger in (("here", here), ("there", there))
        for number in range(10)
    ]
    codes = await asyncio.gather(*map(code_of, attempts))
    assert codes.count(None) == 5
    for ledger in (here, there):
        await ledger.close()


async def test_interval_begins_with_its_first_signup(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        for number in range(2):
            await ledger.signups.accept(signup(f"first-{number}"), one_of(2))
            clock.now += 1000
        with pytest.raises(FaucetError, match="enough") as refused:
            await ledger.signups.accept(signup("third-1"), one_of(2))
        assert refused.value.retry_after == 1600
        clock.now += 1600
        for number in range(2):
            await ledger.signups.accept(signup(f"next-{number}"), one_of(2))
        assert await code_of(ledger.signups.accept(signup("third-1"), one_of(2))) is Code.THROTTLED


async def test_failed_signup_gives_back_what_it_spent_unless_that_interval_is_over(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        early, late = [await ledger.signups.accept(signup(f"{when}-1"), one_of(2)) for when in ("early", "late")]
        await ledger.drain.fail({early.number: (Code.CHAIN_REFUSED, "no")})
        await ledger.signups.accept(signup("again-1"), one_of(2))
        assert await code_of(ledger.signups.accept(signup("again-2"), one_of(2))) is Code.THROTTLED
        clock.now += HOUR
        for number in range(2):
            await ledger.signups.accept(signup(f"next-{number}"), one_of(2))
        await ledger.drain.fail({late.number: (Code.CHAIN_REFUSED, "no")})
        assert await code_of(ledger.signups.accept(signup("next-2"), one_of(2))) is Code.THROTTLED


async def test_refused_signup_spends_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        one, two = Quota("limit", "one", 1, HOUR, "enough"), Quota("limit", "two", 2, HOUR, "enough")
        await ledger.signups.accept(signup("a-1"), Limits(1000, (one, two)))
        assert await code_of(ledger.signups.accept(signup("b-1"), Limits(1000, (two, one)))) is Code.THROTTLED
        assert await code_of(ledger.signups.accept(signup("c-1"), Limits(1000, (two,)))) is None


async def test_limit_holds_across_a_change_of_the_key(tmp_path: Path) -> None:
    clock = Clock()
    week = GENERATION / 1000
    async with opened(tmp_path, clock) as ledger:
        clock.now += week - clock.now % week - 1000
        await ledger.signups.accept(signup("old-1"), one_of(2))
        clock.now += 2000
        await ledger.signups.accept(signup("new-1"), one_of(2))
        assert await code_of(ledger.signups.accept(signup("new-2"), one_of(2))) is Code.THROTTLED
        assert len(raw(tmp_path, "SELECT key FROM quota_keys")) == 2
        clock.now += HOUR - 2000  # of the old key's interval
        await ledger.signups.purge_quotas()
        assert len(raw(tmp_path, "SELECT key FROM quota_keys")) == 1
        assert await code_of(ledger.signups.accept(signup("new-2"), one_of(2))) is None


async def test_dry_run_is_told_what_is_spent_and_spends_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for _ in range(3):
            assert await code_of(ledger.signups.check(signup("dry-1"), one_of(1))) is None
        await ledger.signups.accept(signup("one-1"), one_of(1))
        assert await code_of(ledger.signups.check(signup("dry-1"), one_of(1))) is Code.THROTTLED


async def test_no_network_is_at_rest(tmp_path: Path) -> None:
    """Nor is a hash that could be told from one week to the next."""
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        hashes = []
        for number in range(2):
            await ledger.signups.accept(signup(f"hidden-{number}"), limits("203.0.113.77", 300))
            hashes += [subject for (subject,) in raw(tmp_path, "SELECT subject FROM quotas")]
            clock.now += GENERATION / 1000
            await ledger.signups.purge_quotas()
        assert len(set(hashes)) == 4
        assert all(len(each) == 32 and set(each) <= set("0123456789abcdef") for each in hashes)
    for file in tmp_path.iterdir():
        assert b"203.0.113" not in file.read_bytes()
