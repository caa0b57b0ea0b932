"""Invitations: each is used once an account, whoever asks, whatever fails, and nobody gets in with one that is over."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.codes import ALPHABET, hash_of_code, new_code
from jobs.model.invitation import NewInvitation
from jobs.model.job import Limits
from tests.harness.ledgers import Clock, code_of, from_address, open_ledger, opened, raw, signup

pytestmark = pytest.mark.usefixtures("each_engine")

CODE = "7KQ2-M0XV-9T3B-HW5D"
INVITED = Limits(queue=1000, invite=CODE)
AS_REFCODE = Limits(queue=1000)


async def invite(ledger: Ledger, *, code: str = CODE, **terms: object) -> int:
    await ledger.invitations.make([code], msgspec.convert(terms, NewInvitation), by="ann")
    return (await ledger.invitations.newest())[0].number


async def used(ledger: Ledger, number: int) -> int:
    found = await ledger.invitations.find(number)
    assert found is not None
    return found.used


def test_codes_are_read_as_people_write_them() -> None:
    assert new_code(lambda characters: characters[-1]) == "ZZZZ-ZZZZ-ZZZZ-ZZZZ"
    assert len({hash_of_code(text) for text in (CODE, f" {CODE.lower()} ", "7kq2moxv 9t3b hw5d")}) == 1
    assert hash_of_code("01KQM0XV9T3BHW5D") == hash_of_code("OLKQ-MOXV-9T3B-HW5D")
    assert [hash_of_code(text) for text in ("", "friend-of-bob", CODE[:-1], CODE + "0", "U" * 16)] == [None] * 5
    assert not set("ILOU") & set(ALPHABET)


async def test_invitation_is_used_as_often_as_it_says_by_whichever_machine(tmp_path: Path) -> None:
    here, there = [await open_ledger(tmp_path) for _ in range(2)]
    number = await invite(here, uses=5)
    attempts = [
        ledger.signups.accept(signup(f"{place}-{each}"), INVITED)
        for place, ledger in (("here", here), ("there", there))
        for each in range(10)
    ]
    codes = await asyncio.gather(*map(code_of, attempts))
    assert (codes.count(None), codes.count(Code.THROTTLED)) == (5, 15)
    assert await used(there, number) == 5
    assert len(await here.invitations.jobs(number)) == 5
    for ledger in (here, there):
        await ledger.close()


async def test_what_fails_or_is_cancelled_gives_its_use_back(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        number = await invite(ledger)
        for ending in ("fail", "cancel"):
            job = await ledger.signups.accept(signup(f"{ending}-1"), INVITED)
            assert await code_of(ledger.signups.accept(signup("next-1"), INVITED)) is Code.THROTTLED
            if ending == "fail":
                await ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "no")})
            else:
                await ledger.operators.cancel([job.id], by="ann", reason="")
            assert await used(ledger, number) == 0
        await ledger.signups.accept(signup("next-1"), INVITED)
        assert await used(ledger, number) == 1


async def test_repeated_signup_uses_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        number = await invite(ledger)
        first, again = [await ledger.signups.accept(signup("same-1"), INVITED) for _ in range(2)]
        assert first.id == again.id
        assert await used(ledger, number) == 1


async def test_invitation_lifts_the_limit_of_the_network_and_spends_nothing_of_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await invite(ledger, uses=2)
        limited = from_address("192.0.2.1")
        invited = msgspec.structs.replace(limited, invite=CODE)
        assert await code_of(ledger.signups.accept(signup("a-1"), invited)) is None
        assert await code_of(ledger.signups.accept(signup("b-1"), limited)) is None
        assert await code_of(ledger.signups.accept(signup("c-1"), invited)) is None
        assert await code_of(ledger.signups.accept(signup("d-1"), limited)) is Code.THROTTLED


async def test_invitation_may_bring_a_balance_of_its_own(tmp_path: Path) -> None:
    paid = msgspec.structs.replace(INVITED, initial_balance="1.5")
    async with opened(tmp_path) as ledger:
        await invite(ledger, uses=9, initial_balance="25")
        assert (await ledger.signups.accept(signup("rich-1"), paid)).initial_balance == "25"
        await invite(ledger, code="0" * 16)
        unpaid = await ledger.signups.accept(signup("unpaid-1"), INVITED)
        assert unpaid.initial_balance is None, "initial balances are switched off"
        ordinary = msgspec.structs.replace(paid, invite="0" * 16)
        assert (await ledger.signups.accept(signup("plain-1"), ordinary)).initial_balance == "1.5"


async def test_invitation_that_is_over_lets_nobody_in(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await invite(ledger, uses=9, expires_at=int(clock() * 1000) + 5000)
        assert await code_of(ledger.signups.accept(signup("early-1"), INVITED)) is None
        clock.now += 5
        assert await code_of(ledger.signups.accept(signup("late-1"), INVITED)) is Code.INVALID_INVITATION
        revoked = await invite(ledger, code="0" * 16, uses=9)
        await ledger.invitations.revoke(revoked, by="ann")
        gone = msgspec.structs.replace(INVITED, invite="0" * 16)
        assert await code_of(ledger.signups.accept(signup("late-1"), gone)) is Code.INVALID_INVITATION
        unknown = msgspec.structs.replace(INVITED, invite="1" * 16)
        assert await code_of(ledger.signups.accept(signup("late-1"), unknown)) is Code.INVALID_INVITATION
        assert raw(tmp_path, "SELECT what, target FROM audit ORDER BY number") == [
            ("invite", ""), ("invite", ""), ("revoke invitation", str(revoked)),
        ]  # fmt: skip


async def test_refcode_may_be_the_invitation_and_is_not_kept_then(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        number = await invite(ledger)
        await ledger.signups.accept(signup("invited-1", refcode=CODE.lower()), AS_REFCODE)
        assert await used(ledger, number) == 1
        await ledger.signups.accept(signup("other-1", refcode="friend-of-bob"), AS_REFCODE)
        await ledger.signups.accept(signup("third-1", refcode="0" * 16), AS_REFCODE)
        rows = raw(tmp_path, "SELECT refcode FROM jobs ORDER BY number")
        assert rows == [(None,), ("friend-of-bob",), ("0" * 16,)]


async def test_nobody_signs_up_without_an_invitation_where_one_is_needed(tmp_path: Path) -> None:
    needed = Limits(queue=1000, needs_invitation=True)
    async with opened(tmp_path) as ledger:
        await invite(ledger)
        assert await code_of(ledger.signups.accept(signup("a-1"), needed)) is Code.INVITATION_REQUIRED
        assert await code_of(ledger.signups.check(signup("a-1", refcode="bob"), needed)) is Code.INVITATION_REQUIRED
        assert await code_of(ledger.signups.check(signup("a-1", refcode=CODE), needed)) is None
        assert await code_of(ledger.signups.accept(signup("a-1", refcode=CODE), needed)) is None


async def test_ledger_holds_no_code(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await invite(ledger)
        await ledger.signups.accept(signup("a-1"), INVITED)
        stored = str(raw(tmp_path, "SELECT * FROM invitations")) + str(raw(tmp_path, "SELECT * FROM jobs"))
        assert CODE not in stored
        assert CODE.replace("-", "") not in stored
