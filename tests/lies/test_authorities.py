"""Accounts that a third party registered under a signed-up name: they do not count as the signup's."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chain.keys import format_public_key
from chain.transactions import RefBlock, account_create, sign, with_fee
from devchain import DevChain
from devchain.settings import published_key
from jobs.errors import Code
from jobs.model.job import State
from jobs.settings import Settings
from tests.harness.liar import PLAIN, lied_to
from tests.harness.lying import lies
from tests.harness.program import keys_of

REFERRER = "1.2.8"  #: it may register, too
LIARS_KEY = format_public_key(published_key("liar").public, "TEST")
FEE = 10**7  #: satoshi, more than any account costs

Edit = Callable[[dict[str, Any]], None]


def register(chain: DevChain, name: str, edit: Edit) -> None:
    """Register `name` as a third party, with the signup's keys but for what `edit` changes."""
    keys: dict[str, Any] = dict(keys_of(name))
    operation = account_create(registrar=REFERRER, referrer=REFERRER, referrer_percent=0, name=name, **keys)
    edit(operation[1])
    signed = sign(
        [with_fee(operation, FEE)],
        ref_block=RefBlock(chain.chain.head_number, chain.chain.head_id),
        expiration=chain.chain.head_time + 60,
        chain_id=chain.chain_id,
        prefix="TEST",
        key=published_key("referrer"),
    )
    chain.chain.push(msgspec.json.decode(signed.body))


def both(change: Edit) -> Edit:
    """Change both authorities alike."""

    def edit(body: dict[str, Any]) -> None:
        for role in ("owner", "active"):
            change(body[role])

    return edit


def only(role: str, change: Edit) -> Edit:
    """Change one of them."""
    return lambda body: change(body[role])


def heavier_account(authority: dict[str, Any]) -> None:
    authority["account_auths"] = [[PLAIN, 2]]


def account_alone(authority: dict[str, Any]) -> None:
    authority.update(weight_threshold=2, account_auths=[[PLAIN, 2]])


def another_account(authority: dict[str, Any]) -> None:
    authority["account_auths"] = [[PLAIN, 1]]


def another_key(authority: dict[str, Any]) -> None:
    authority["key_auths"] = sorted([*authority["key_auths"], [LIARS_KEY, 1]])


def heavier_key(authority: dict[str, Any]) -> None:
    authority["key_auths"] = [[key, 2] for key, _ in authority["key_auths"]]


def another_memo_key(body: dict[str, Any]) -> None:
    body["options"]["memo_key"] = LIARS_KEY


STOLEN: dict[str, Edit] = {
    "account of weight 2": both(heavier_account),
    "threshold that only the account meets": both(account_alone),
    "account of weight 1": both(another_account),
    "key of weight 1": both(another_key),
    "keys of weight 2": both(heavier_key),
    "in the owner authority": only("owner", another_key),
    "in the active authority": only("active", heavier_account),
    "memo key": another_memo_key,
}


@pytest.mark.parametrize("edit", STOLEN.values(), ids=STOLEN)
async def test_account_with_a_foreign_authority_is_not_ours(tmp_path: Path, edit: Edit) -> None:
    """The job is neither done nor paid."""

    async with lied_to(tmp_path, own_nodes=Settings().own_nodes) as world:
        await world.ledger.operators.pause("drain", by="ann", reason="time for somebody else")
        await world.sign_up("alice-1", "bob-1")
        register(world.chain, "alice-1", edit)
        await world.blocks(2)
        await world.ledger.operators.resume("drain", by="ann")
        await world.recovered("alice-1")
        job = await world.job("alice-1")
        assert (job.code, job.account_id) == (Code.ACCOUNT_EXISTS, None)
        assert set((await world.totals()).registered) == {"bob-1"}


LIES = [
    lies.AccountKeys("alice-1", LIARS_KEY),
    lies.AddedAuthority("alice-1", PLAIN, weight=2),
    lies.AddedAuthority("alice-1", "TESTaddress", kind="address_auths"),
    lies.Weights("alice-1", threshold=2),
    lies.Weights("alice-1", weight=2),
]


@pytest.mark.parametrize("lie", LIES, ids=repr)
async def test_second_node_shows_that_the_account_is_ours(tmp_path: Path, lie: lies.Lie) -> None:
    """The registration was accepted and its reply lost: the account's keys decide."""

    async with lied_to(tmp_path, honest=True) as world:
        world.relay.lie(lie, lies.DeniedBroadcasts("account exists (still pending)"))
        await world.sign_up("alice-1")
        await world.blocks(10)
        assert (await world.job("alice-1")).state is not State.FAILED
        world.relay.heal()
        await world.recovered()
