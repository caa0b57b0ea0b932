"""A repeated signup is recognised by its account's keys, as a block showed them, wherever it was registered."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chain.blocks import Block, BlockTransaction
from chain.operations import Operations
from chain.packing import ACCOUNT_CREATE, ACCOUNT_UPDATE
from jobs.blocks.keys import keys_changed, keys_shown
from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.ledger.keys import digest_of, digest_of_key
from jobs.model.job import Job, Limits, Signup, State
from jobs.model.transaction import BlockEffects
from jobs.settings import Settings
from jobs.ways.networks import network_quotas
from tests.harness.ledgers import open_ledger
from tests.harness.program import keys_of

pytestmark = pytest.mark.usefixtures("each_engine")

KEYS = keys_of("alice-1")
ALICE = Signup("alice-1", **KEYS)
LIMITS = Limits(10, network_quotas("192.0.2.1", 300, ()), initial_balance="10")
SHOWN = ("alice-1", "1.2.30", digest_of(ALICE.keys))
SETTINGS = Settings()
EXTRA = keys_of("extra")["owner_key"]
WITH_EXTRAS = Settings(additional_owner_keys=(EXTRA,), additional_active_accounts=("guardian",))


def block_of(*operations: tuple[int, dict[str, Any]], result: str | None = "1.2.30") -> Block:
    parts = Operations([(number, msgspec.json.encode(body)) for number, body in operations])
    transaction = BlockTransaction(1, 1, 1, ("00",), parts, (result,) * len(operations))
    return Block(7, "00" * 20, 1_800_000_000, (transaction,))


def authority(*keys: str, accounts: tuple[str, ...] = (), threshold: int = 1, weight: int = 1) -> dict[str, Any]:
    return {
        "weight_threshold": threshold,
        "account_auths": [[account, weight] for account in accounts],
        "key_auths": [[key, weight] for key in keys],
        "address_auths": [],
    }


def created(**changes: Any) -> tuple[int, dict[str, Any]]:
    body = {
        "name": "alice-1",
        "owner": authority(KEYS["owner_key"]),
        "active": authority(KEYS["active_key"]),
        "options": {"memo_key": KEYS["memo_key"]},
        **changes,
    }
    return ACCOUNT_CREATE, body


async def test_account_in_a_block_is_known_by_its_keys() -> None:
    assert await keys_shown(block_of(created()), SETTINGS, {}) == (SHOWN,)


@pytest.mark.parametrize(
    "owner",
    [
        authority(KEYS["owner_key"], EXTRA),
        authority(KEYS["owner_key"], accounts=("1.2.9",)),
        authority(KEYS["owner_key"], threshold=2),
        authority(KEYS["owner_key"], weight=2),
        authority(accounts=("1.2.9",)),
        {**authority(KEYS["owner_key"]), "address_auths": [["PPYaddress", 1]]},
    ],
)
async def test_account_with_other_signers_shows_no_keys(owner: dict[str, Any]) -> None:
    assert await keys_shown(block_of(created(owner=owner)), SETTINGS, {}) == ()


async def test_configured_owner_accounts_are_not_other_signers() -> None:
    ours = created(
        owner=authority(EXTRA, KEYS["owner_key"]), active=authority(KEYS["active_key"], accounts=("1.2.40",))
    )
    assert await keys_shown(block_of(ours), WITH_EXTRAS, {"guardian": "1.2.40"}) == (SHOWN,)
    assert await keys_shown(block_of(ours), WITH_EXTRAS, {"guardian": "1.2.41"}) == ()
    assert await keys_shown(block_of(created()), WITH_EXTRAS, {"guardian": "1.2.40"}) == (SHOWN,)


async def test_blocks_without_account_ids_show_no_keys() -> None:
    assert await keys_shown(block_of(created(), result=None), SETTINGS, {}) == ()


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"owner": authority(EXTRA)}, (("1.2.30", None),)),
        ({"active": authority(EXTRA), "new_options": None}, (("1.2.30", None),)),
        ({"new_options": {"memo_key": EXTRA}}, (("1.2.30", digest_of_key(EXTRA)),)),
        ({"owner": None, "new_options": {"memo_key": EXTRA}}, (("1.2.30", digest_of_key(EXTRA)),)),
        ({"new_options": {"memo_key": 7}}, (("1.2.30", None),)),
        ({}, (("1.2.30", None),)),
    ],
)
def test_key_changes_in_a_block_are_detected(body: dict[str, Any], changed: tuple[Any, ...]) -> None:
    assert keys_changed(block_of((ACCOUNT_UPDATE, {"account": "1.2.30", **body}))) == changed


def effects(number: int = 7, **more: Any) -> BlockEffects:
    return BlockEffects(number, f"{number:040x}", {}, (("alice-1", "1.2.30"),) if number == 7 else (), **more)


async def seen(folder: Path, *blocks: BlockEffects) -> Ledger:
    ledger = await open_ledger(folder, lambda: 1_800_000_000)
    await ledger.blocks.follow(blocks, 1)
    return ledger


async def outcome(folder: Path, signup: Signup, *blocks: BlockEffects) -> Job | Code:
    ledger = await seen(folder, *blocks)
    try:
        return await ledger.signups.accept(signup, LIMITS)
    except FaucetError as error:
        return error.code
    finally:
        await ledger.close()


async def test_signup_of_an_account_in_a_block_is_registered_and_never_paid(tmp_path: Path) -> None:
    job = await outcome(tmp_path, ALICE, effects(keys=(SHOWN,)))
    assert isinstance(job, Job)
    assert (job.state, job.account_id, job.block_num) == (State.REGISTERED, "1.2.30", 7)
    assert (job.initial_balance, job.transaction_id) == (None, None)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"keys": (("alice-1", "1.2.31", SHOWN[2]),)},
        {"keys": (("alice-1", "1.2.30", digest_of((EXTRA, *ALICE.keys[1:]))),)},
        {"keys": (SHOWN,), "changed": (("1.2.30", None),)},
        {"keys": (SHOWN,), "changed": (("1.2.30", digest_of_key(EXTRA)),)},
    ],
)
async def test_account_with_other_keys_is_not_the_signups(tmp_path: Path, more: dict[str, Any]) -> None:
    assert await outcome(tmp_path, ALICE, effects(**more)) is Code.ACCOUNT_EXISTS


async def test_votes_change_no_keys(tmp_path: Path) -> None:
    votes = ("1.2.30", digest_of_key(ALICE.memo_key))
    job = await outcome(tmp_path, ALICE, effects(keys=(SHOWN,)), effects(8, changed=(votes,)))
    assert isinstance(job, Job)


async def test_blocks_that_contradict_each_other_show_nothing(tmp_path: Path) -> None:
    other = ("alice-1", "1.2.30", digest_of((EXTRA, *ALICE.keys[1:])))
    blocks = effects(keys=(SHOWN,)), replace(effects(), keys=(other,))
    assert await outcome(tmp_path, ALICE, *blocks) is Code.ACCOUNT_EXISTS


async def test_repeated_signup_needs_no_quota_and_no_drain(tmp_path: Path) -> None:
    ledger = await seen(tmp_path, effects(keys=(SHOWN,)))
    first, second = await asyncio.gather(ledger.signups.accept(ALICE, LIMITS), ledger.signups.accept(ALICE, LIMITS))
    assert first.id == second.id == (await ledger.signups.accept(ALICE, LIMITS)).id
    assert (await ledger.signups.accept(Signup("bob-1", **keys_of("bob-1")), LIMITS)).state is State.QUEUED
    assert [job.signup.name for job in await ledger.drain.queued(10)] == ["bob-1"]
    assert (await ledger.drain.unfunded(10)).jobs == ()
    await ledger.close()


async def test_signup_is_done_once_its_block_is_irreversible(tmp_path: Path) -> None:
    ledger = await seen(tmp_path, effects(keys=(SHOWN,)))
    job = await ledger.signups.accept(ALICE, LIMITS)
    assert [each.id for each in await ledger.blocks.claimed(7)] == [job.id]
    await ledger.blocks.finalize_claimed({job.number: "1.2.30"})
    done = await ledger.queries.job(job.id)
    assert done is not None
    assert (done.state, done.irreversible) == (State.DONE, True)
    assert await ledger.drain.queued(10) == []
    await ledger.close()


async def test_orphaned_account_is_forgotten(tmp_path: Path) -> None:
    ledger = await seen(tmp_path, effects(keys=(SHOWN,)))
    await ledger.blocks.orphan(7)
    assert (await ledger.signups.accept(ALICE, LIMITS)).state is State.QUEUED
    await ledger.close()
