"""Chains without operation results: new accounts' ids are looked up, and paid only once they cannot change."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chain.blocks import BlockTransaction
from chain.errors import BadReply
from chain.node import Block
from chain.operations import Operations
from devchain import Flavour
from jobs.blocks.account_ids import with_ids
from jobs.blocks.effects import effects_of
from jobs.model.job import Limits, Signup, State
from tests.harness.chain_harness import LAG, ChainSide, chain_side
from tests.harness.chain_totals import read_totals
from tests.harness.flavours import flavoured
from tests.harness.program import keys_of

BALANCE = "2.5"
WRONG = "1.2.7"  #: the registrar, which is none of the accounts


@pytest.fixture(autouse=True)
def without_results() -> Iterator[None]:
    """Every chain here keeps no operation results."""
    with flavoured(Flavour.BITSHARES):
        yield


async def registered(side: ChainSide, *names: str) -> None:
    """Accept signups with an initial balance, and include their registrations in a block."""
    await side.block(LAG + 2)
    await side.accept(*names, balance=BALANCE)
    await side.drainer.drain()
    await side.block()


async def is_provisional(side: ChainSide, name: str) -> bool:
    rows = await side.ledger._store.read("SELECT provisional FROM jobs WHERE name = ?", (name,))  # no page shows it
    return bool(rows[0]["provisional"])


async def test_provisional_id_is_shown_and_not_paid(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await registered(side, "alice-1")
        (account,) = await side.node.accounts(["alice-1"])
        job = await side.job("alice-1")
        assert account is not None
        assert (job.state, job.account_id) == (State.REGISTERED, account.id)
        assert await is_provisional(side, "alice-1")
        for _ in range(LAG - 1):
            await side.drainer.drain()
            await side.block()
            assert await side.states() == [State.REGISTERED]
        await side.block()
        assert not await is_provisional(side, "alice-1")
        await side.drainer.drain()
        assert await side.states() == [State.FUNDING]
        await side.finish()
        totals = await read_totals(side.node)
        assert dict(totals.amounts) == {account.id: 250_000}


async def test_account_with_a_new_id_is_paid_under_it(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block(LAG + 2)
        for name in ("first-1", "second-1"):
            await side.accept(name, balance=BALANCE)
            await side.drainer.drain()
        await side.block()
        before = (await side.job("first-1")).account_id
        await side.block(LAG - 2)
        side.chain.control.orphan(LAG - 1, keep=True, reverse=True)
        await side.block()
        job = await side.job("first-1")
        assert job.account_id not in (None, before)
        await side.finish()
        totals = await read_totals(side.node)
        assert totals.ids["first-1"] == job.account_id
        assert dict(totals.amounts) == dict.fromkeys(totals.ids.values(), 250_000)


async def test_id_from_a_fork_is_corrected_before_payment(tmp_path: Path) -> None:
    """The node switched forks for the lookup and then back: only a later lookup reveals it."""

    async with chain_side(tmp_path) as side:
        look_up = side.node.account_ids

        async def look_up_elsewhere(names: Sequence[str]) -> dict[str, str]:
            return dict.fromkeys(await look_up(names), WRONG)

        side.node.account_ids = look_up_elsewhere  # type: ignore[method-assign]
        await registered(side, "alice-1")
        assert (await side.job("alice-1")).account_id == WRONG
        await side.drainer.drain()
        assert await side.states() == [State.REGISTERED]
        side.node.account_ids = look_up  # type: ignore[method-assign]
        await side.finish()
        totals = await read_totals(side.node)
        assert (await side.job("alice-1")).account_id == totals.ids["alice-1"] != WRONG
        assert dict(totals.amounts) == {totals.ids["alice-1"]: 250_000}


async def test_node_hides_an_account_of_its_own_block(tmp_path: Path) -> None:
    """Following blocks stops and says why; it continues once the node shows the account."""

    async with chain_side(tmp_path) as side:
        look_up = side.node.account_ids

        async def hide(_names: Sequence[str]) -> dict[str, str]:
            return {}

        side.node.account_ids = hide  # type: ignore[method-assign, assignment]
        with pytest.raises(BadReply):
            await registered(side, "alice-1")
        assert side.tracker.obstacle == (
            "Blocks can't be followed: the node shows no account alice-1, which a block of its own registers"
        )
        assert await side.states() == [State.BROADCAST]
        side.node.account_ids = look_up  # type: ignore[method-assign]
        await side.finish()
        assert side.tracker.obstacle is None


async def test_node_hides_an_irreversible_account(tmp_path: Path) -> None:
    """Nothing becomes final, and the reason is reported."""

    async with chain_side(tmp_path) as side:
        await registered(side, "alice-1")
        look_up = side.node.account_ids

        async def hide(_names: Sequence[str]) -> dict[str, str]:
            return {}

        side.node.account_ids = hide  # type: ignore[method-assign, assignment]
        await side.block(LAG)
        assert "shows no account alice-1" in (side.tracker.unconfirmed or "")
        assert await is_provisional(side, "alice-1")
        side.node.account_ids = look_up  # type: ignore[method-assign]
        await side.finish()
        assert side.tracker.unconfirmed is None


async def test_names_registered_by_others_are_taken(tmp_path: Path) -> None:
    async with chain_side(tmp_path) as side:
        await side.block()
        account_id = side.chain.control.register("stranger-1", keys_of("stranger-1")["owner_key"])
        await side.block()
        assert (await side.ledger.names.availability("stranger-1"))[0] is not None
        assert await side.ledger.names.account_ids(["stranger-1"]) == {"stranger-1": account_id}


async def test_referrer_id_from_another_fork_is_unknown(tmp_path: Path) -> None:
    """A third party's cached id is not looked up again, so it must be checked to be still that account's."""

    async with chain_side(tmp_path) as side:
        await side.block(LAG + 2)
        look_up = side.node.account_ids

        async def look_up_elsewhere(names: Sequence[str]) -> dict[str, str]:
            return dict.fromkeys(names, "1.2.4711")

        side.node.account_ids = look_up_elsewhere  # type: ignore[method-assign]
        side.chain.control.register("member-1", keys_of("member-1")["owner_key"])
        await side.block()
        side.chain.control.set_member("member-1", member=True)
        side.node.account_ids = look_up  # type: ignore[method-assign]
        (member,) = await side.node.accounts(["member-1"])
        assert member is not None
        limits = Limits(queue=10)
        for name, referrer in (("alice-1", "1.2.4711"), ("bob-1", "member-1")):
            await side.ledger.signups.accept(Signup(name, **keys_of(name), referrer=referrer), limits)
        await side.drainer.drain()
        sent = [(await side.job(name)).sent_referrer for name in ("alice-1", "bob-1")]
        assert sent == ["faucet", "member-1"]


def transaction(*names: str, results: tuple[str | None, ...] | None = None) -> BlockTransaction:
    body = b'{"name": "%s"}'
    operations = Operations([(36, b"{}"), *((5, body % name.encode()) for name in names)])
    return BlockTransaction(0, 0, 0, (f"signature of {'+'.join(names)}",), operations, results)


async def test_present_results_are_kept() -> None:
    """And the node is not asked for them."""

    async def never(_names: Sequence[str]) -> dict[str, str]:
        raise AssertionError("asked")

    block = Block(5, "", 0, (transaction("alice-1", results=(None, "1.2.50")),))
    assert await with_ids([block], never) == [block]
    assert effects_of(block, "").provisional == frozenset()


async def test_missing_results_are_looked_up_in_one_call() -> None:
    async def look_up(names: Sequence[str]) -> dict[str, str]:
        lookups.append(list(names))
        return {name: f"1.2.{number}" for number, name in enumerate(names)}

    lookups: list[list[str]] = []
    blocks = [
        Block(5, "", 0, (transaction("alice-1", "bob-1"), transaction())),
        Block(6, "", 0, (transaction("carol-1"),)),
    ]
    first, second = await with_ids(blocks, look_up)
    assert lookups == [["alice-1", "bob-1", "carol-1"]]
    effects = effects_of(first, "")
    assert effects.results == {"signature of alice-1+bob-1": ("1.2.0", "1.2.1"), "signature of ": ()}
    assert effects.accounts == (("alice-1", "1.2.0"), ("bob-1", "1.2.1"))
    assert effects.provisional == {"signature of alice-1+bob-1"}
    assert effects_of(second, "").accounts == (("carol-1", "1.2.2"),)
