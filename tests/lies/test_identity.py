"""Nodes that lie about the chain's identity, and about the ids of configured accounts."""

from pathlib import Path
from typing import Any

import pytest

from chain.node import Node
from devchain import DevChain
from jobs.model.job import State
from tests.harness.chain_totals import read_totals
from tests.harness.liar import PLAIN, World, lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.lying.relayed_chain import node_at
from tests.harness.program import keys_of

#: Lies that make it another chain, and the sentence about the node.
OTHER_CHAINS = [
    (lies.Precision(10), "says that the precision of the core asset is 10; on this chain it is 5"),
    (lies.Symbol("CORE"), "says that the symbol of the core asset is CORE; on this chain it is TEST"),
    (lies.Prefix("BTS"), "says that the prefix of public keys is BTS; on this chain it is TEST"),
    (lies.ChainId("ab" * 32), "is on the chain abababab…, but the ledger belongs to"),
]

#: Each way to name an account in the configuration.
NAMED = [
    {"additional_owner_accounts": ("helper-1",)},
    {"additional_active_accounts": ("helper-1",)},
    {"proxy": "helper-1"},
    {"default_referrer": "helper-1"},
]
HELPERS_LIE = lies.AccountId("helper-1", PLAIN)


def with_helper(chain: DevChain) -> None:
    """A third party registers helper-1, which may refer."""
    chain.control.register("helper-1", keys_of("helper-1")["owner_key"])
    chain.control.produce()
    chain.control.set_member("helper-1", member=True)


async def named_in(world: World) -> set[str]:
    """The ids of all accounts that registrations on the true chain name."""
    async with node_at(world.chain.url) as node:
        return {account_id for body in await _registrations(node) for account_id in _named_by(body)}


async def _registrations(node: Node) -> list[Any]:
    totals = await read_totals(node, payer="1.2.7")
    blocks = [await node.block(number) for number in range(1, (await node.head()).number + 1)]
    operations = [entry for block in blocks if block for each in block.transactions for entry in each.operations]
    return [body for _, body in operations if body.get("name") in totals.registered]


def _named_by(body: dict[str, Any]) -> set[str]:
    members = [member for role in ("owner", "active") for member, _ in body[role]["account_auths"]]
    return {*members, body["options"]["voting_account"], body["referrer"], body["registrar"]}


@pytest.mark.parametrize(("lie", "sentence"), OTHER_CHAINS, ids=lambda value: repr(value)[:20])
async def test_node_that_becomes_another_chain_is_left(tmp_path: Path, lie: Lie, sentence: str) -> None:
    """With ten decimals, one signup would cost as much as 100,000."""

    async with lied_to(tmp_path) as world:
        world.relay.lie(lie)
        await world.sign_up("before-1")  # signed with the pinned values, whatever the node says
        await world.recovered()
        world.relay.disconnect()
        await world.reported(sentence, check="chain")
        await world.sign_up("after-1")
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("lie", [lies.Precision(0), lies.ChainId("ab" * 32)], ids=repr)
async def test_nodes_that_disagree_about_the_chain_at_first_contact_are_not_used(tmp_path: Path, lie: Lie) -> None:
    """Nothing is pinned yet, so the faucet cannot know which node lies."""

    async with lied_to(tmp_path, lie, honest=True, fit=False) as world:
        await world.sign_up("alice-1")
        await world.reported("ledger belongs to" if isinstance(lie, lies.ChainId) else "on this chain it is")
        await world.reported(f"by {world.relay.url}")
        assert (await world.totals()).registered == {}
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("settings", NAMED, ids=lambda value: next(iter(value)))
async def test_changed_id_of_a_configured_account_is_refused(tmp_path: Path, settings: dict[str, Any]) -> None:
    """A node that chose the ids of `additional_owner_accounts` would own every new account."""

    async with lied_to(tmp_path, prepare=with_helper, **settings) as world:
        world.relay.lie(HELPERS_LIE)
        await world.sign_up("alice-1")
        await world.reported("says that the id of the account helper-1 is 1.2.9")
        assert (await world.totals()).registered == {}
        world.relay.heal()
        await world.recovered()
        assert PLAIN not in await named_in(world)


@pytest.mark.parametrize("settings", NAMED[::3], ids=lambda value: next(iter(value)))
async def test_false_id_of_a_configured_account_at_first_contact_is_refused(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    async with lied_to(tmp_path, HELPERS_LIE, prepare=with_helper, honest=True, fit=False, **settings) as world:
        await world.sign_up("alice-1")
        await world.reported("says that the id of the account helper-1 is 1.2.9")
        world.relay.heal()
        await world.recovered()
        assert PLAIN not in await named_in(world)


@pytest.mark.parametrize("settings", NAMED[::3], ids=lambda value: next(iter(value)))
async def test_lie_of_the_only_node_at_first_contact_is_refused_by_the_chain(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    """There is no other node to ask: the registration asserts the accounts that it names, so the chain refuses it."""

    async with lied_to(tmp_path, HELPERS_LIE, prepare=with_helper, **settings) as world:
        await world.sign_up("alice-1")
        await world.reported("The node gave an account id that the chain knows under another name.")
        assert (await world.totals()).registered == {}
        world.relay.heal()
        await world.restart(witness_url=(world.relay.url, world.chain.url))
        await world.recovered()
        assert PLAIN not in await named_in(world)


@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_changed_id_of_the_registrar_is_refused(tmp_path: Path, honest: bool) -> None:
    async with lied_to(tmp_path, honest=honest) as world:
        world.relay.lie(lies.AccountId("faucet", PLAIN))
        await world.sign_up("alice-1")
        await world.reported("says that the id of the account faucet is 1.2.9; on this chain it is 1.2.7")
        await world.reach(State.FUNDED if honest else State.QUEUED)
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("lie", [lies.AccountId("faucet", PLAIN), lies.SwappedIds("faucet", "referrer")], ids=repr)
async def test_false_id_of_the_registrar_at_first_contact_is_refused(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path, lie, honest=True, fit=False) as world:
        await world.sign_up("alice-1")
        await world.reported("says that the id of the account faucet is 1.2.")
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_false_id_of_a_users_referrer_is_refused_by_the_chain(tmp_path: Path, honest: bool) -> None:
    """A user's referrer is not pinned: the registration asserts the id."""

    async with lied_to(tmp_path, honest=honest, prepare=with_helper) as world:
        world.relay.lie(lies.AccountId("helper-1", "1.2.8"))
        await world.ledger.names.save_page([("helper-1", "1.2.10")], cursor="")
        await world.sign_up("alice-1", referrer="helper-1")
        if not honest:
            await world.reported("The node gave an account id that the chain knows under another name.")
            world.relay.heal()
        await world.recovered()
        assert (await named_in(world)) == {"1.2.10", "1.2.7", "1.2.5"}
