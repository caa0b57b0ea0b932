"""API keys: each lets in as many as it may, whoever asks and whatever fails, and one that is over lets in nobody."""

import asyncio
import re
from pathlib import Path

import msgspec
import pytest

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.model.api_key import DAY, MINUTE, NewApiKey, hash_of_key, hint_of_key, new_key
from jobs.model.invitation import NewInvitation
from jobs.model.job import Limits
from tests.harness.ledgers import Clock, code_of, from_address, open_ledger, opened, raw, signup

pytestmark = pytest.mark.usefixtures("each_engine")

KEY = "faucet_" + "k" * 32
WITH_KEY = Limits(queue=1000, api_key=hash_of_key(KEY))
CODE = "7KQ2-M0XV-9T3B-HW5D"


async def create(ledger: Ledger, key: str = KEY, **terms: object) -> int:
    return await ledger.api_keys.create(key, msgspec.convert({"name": "Wallet", **terms}, NewApiKey), by="ann")


def test_key_can_be_found_by_scanners_and_nothing_else_is_taken_for_one() -> None:
    key = new_key(lambda characters: characters[0])
    assert re.fullmatch(r"faucet_[A-Za-z0-9]{32}", key)
    assert hint_of_key(key) == "faucet_aaaa"
    assert hash_of_key(key) not in (None, hash_of_key(KEY))
    others = ("", "faucet_", key[:-1], f"{key}0", f" {key}", f"{key}\n", key.upper(), f"{key[:-1]}é", f"{key[:-1]}\0")
    assert [hash_of_key(text) for text in others] == [None] * len(others)


@pytest.mark.parametrize(("terms", "accepted"), [({"per_minute": 5}, 5), ({"per_minute": 99, "per_day": 3}, 3)])
async def test_key_lets_in_as_many_as_it_may_at_whichever_machine(
    tmp_path: Path, terms: dict[str, object], accepted: int
) -> None:
    here, there = [await open_ledger(tmp_path) for _ in range(2)]
    number = await create(here, KEY, **terms)
    attempts = [
        ledger.signups.accept(signup(f"{place}-{each}"), WITH_KEY)
        for place, ledger in (("here", here), ("there", there))
        for each in range(10)
    ]
    codes = await asyncio.gather(*map(code_of, attempts))
    assert (codes.count(None), codes.count(Code.THROTTLED)) == (accepted, 20 - accepted)
    assert len(await there.api_keys.jobs(number)) == accepted
    for ledger in (here, there):
        await ledger.close()


async def test_rate_and_cap_tell_when_to_come_again(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await create(ledger, per_minute=1, per_day=2)
        for name, wait in (("a-1", MINUTE), ("b-1", DAY - MINUTE)):
            await ledger.signups.accept(signup(name), WITH_KEY)
            with pytest.raises(FaucetError) as refused:
                await ledger.signups.accept(signup("next-1"), WITH_KEY)
            assert (refused.value.code, refused.value.retry_after) == (Code.THROTTLED, wait)
            assert await code_of(ledger.signups.check(signup("next-1"), WITH_KEY)) is Code.THROTTLED
            clock.now += wait
        assert (await ledger.signups.accept(signup("next-1"), WITH_KEY)).api_key == 1


async def test_each_key_has_its_own_rate(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await create(ledger, per_minute=1)
        await create(ledger, KEY.upper().replace("FAUCET", "faucet"), per_minute=1)
        other = Limits(queue=1000, api_key=hash_of_key(KEY.upper().replace("FAUCET", "faucet")))
        for name, limits in (("a-1", WITH_KEY), ("b-1", other)):
            assert await code_of(ledger.signups.accept(signup(name), limits)) is None
            assert await code_of(ledger.signups.accept(signup("c-1"), limits)) is Code.THROTTLED


async def test_failed_signup_gives_its_use_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await create(ledger, per_minute=1)
        job = await ledger.signups.accept(signup("a-1"), WITH_KEY)
        assert await code_of(ledger.signups.accept(signup("b-1"), WITH_KEY)) is Code.THROTTLED
        await ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "no")})
        assert await code_of(ledger.signups.accept(signup("b-1"), WITH_KEY)) is None


async def test_repeated_signup_uses_nothing_even_of_a_key_that_was_revoked(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        number = await create(ledger, per_minute=2)
        first, again = [await ledger.signups.accept(signup("same-1"), WITH_KEY) for _ in range(2)]
        await ledger.signups.accept(signup("other-1"), WITH_KEY)
        await ledger.api_keys.revoke(number, by="ann")
        last = await ledger.signups.accept(signup("same-1"), WITH_KEY)
        assert {first.id, again.id, last.id} == {first.id}


async def test_key_lifts_the_limit_of_the_network_and_spends_nothing_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await create(ledger)
        limited = from_address("192.0.2.1")
        with_key = msgspec.structs.replace(limited, api_key=hash_of_key(KEY))
        assert await code_of(ledger.signups.accept(signup("a-1"), with_key)) is None
        assert await code_of(ledger.signups.accept(signup("b-1"), limited)) is None
        assert await code_of(ledger.signups.accept(signup("c-1"), with_key)) is None
        assert await code_of(ledger.signups.accept(signup("d-1"), limited)) is Code.THROTTLED


async def test_unknown_or_revoked_key_lets_nobody_in(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert await code_of(ledger.signups.accept(signup("a-1"), WITH_KEY)) is Code.INVALID_API_KEY
        assert await ledger.api_keys.in_force() is False
        number = await create(ledger)
        assert await ledger.api_keys.in_force() is True
        assert [await ledger.api_keys.revoke(number, by="ann") for _ in range(2)] == [True, False]
        assert await ledger.api_keys.in_force() is False
        for attempt in (ledger.signups.accept, ledger.signups.check):
            assert await code_of(attempt(signup("a-1"), WITH_KEY)) is Code.INVALID_API_KEY
        assert await code_of(ledger.api_keys.revoke(7, by="ann")) is Code.NOT_FOUND
        assert raw(tmp_path, "SELECT what, target FROM audit ORDER BY number") == [
            ("create API key", str(number)), ("revoke API key", str(number)),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("origins", "origin", "code"),
    [
        ((), None, None), ((), "https://any.example", None),
        (("https://a.example", "https://b.example"), "https://b.example", None),
        (("https://a.example",), "https://a.example.evil.example", Code.DENIED),
        (("https://a.example",), "null", Code.DENIED), (("https://a.example",), None, Code.DENIED),
    ],
)  # fmt: skip
async def test_key_is_for_the_pages_of_its_origins(
    tmp_path: Path, origins: tuple[str, ...], origin: str | None, code: Code | None
) -> None:
    async with opened(tmp_path) as ledger:
        await create(ledger, origins=origins)
        limits = msgspec.structs.replace(WITH_KEY, origin=origin)
        assert await code_of(ledger.signups.accept(signup("a-1"), limits)) is code


async def test_key_is_enough_where_an_invitation_is_needed_and_both_are_used_if_both_are_sent(tmp_path: Path) -> None:
    needed = msgspec.structs.replace(WITH_KEY, needs_invitation=True)
    async with opened(tmp_path) as ledger:
        await create(ledger, per_minute=3)
        assert await code_of(ledger.signups.accept(signup("a-1"), needed)) is None
        await ledger.invitations.make([CODE], NewInvitation(), by="ann")
        both = await ledger.signups.accept(signup("b-1", refcode=CODE), needed)
        assert (both.invitation, both.api_key) == (1, 1)
        assert await code_of(ledger.signups.accept(signup("c-1", refcode=CODE), needed)) is Code.THROTTLED
        assert await code_of(ledger.signups.accept(signup("c-1"), needed)) is None
        assert await code_of(ledger.signups.accept(signup("d-1"), needed)) is Code.THROTTLED


async def test_ledger_holds_hashes_and_says_when_a_key_was_used_last(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        number = await create(ledger, origins=("https://a.example",))
        (unused,) = await ledger.api_keys.newest()
        clock.now += 5
        job = await ledger.signups.accept(signup("a-1"), msgspec.structs.replace(WITH_KEY, origin="https://a.example"))
        found = await ledger.api_keys.find(number)
        assert (unused.used_at, found) == (None, msgspec.structs.replace(unused, used_at=job.created_at))
        assert (unused.hint, unused.origins, unused.created_by) == ("faucet_kkkk", ("https://a.example",), "ann")
        assert await ledger.api_keys.jobs(number) == [(job.id, "a-1", "queued")]
        stored = [raw(tmp_path, f"SELECT * FROM {table}") for table in ("api_keys", "jobs", "audit", "quotas")]
        assert KEY not in str(stored)


async def test_what_was_counted_of_a_key_is_deleted_once_its_day_is_over(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await create(ledger)
        await ledger.signups.accept(signup("a-1"), WITH_KEY)
        assert raw(tmp_path, "SELECT count(*) FROM quotas") == [(2,)]
        clock.now += DAY
        await ledger.signups.purge_quotas()
        assert [raw(tmp_path, f"SELECT count(*) FROM {table}") for table in ("quotas", "quota_uses")] == [[(0,)]] * 2
