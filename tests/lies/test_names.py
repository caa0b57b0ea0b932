"""Nodes that lie about which names exist, and to whom they belong."""

from pathlib import Path

import pytest

from chain.keys import format_public_key
from devchain.settings import published_key
from jobs.errors import Code
from jobs.model.job import State
from tests.harness.liar import PLAIN, World, lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie
from tests.harness.program import keys_of

LIARS_KEY = format_public_key(published_key("liar").public, "TEST")


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings that check names more often."""
    monkeypatch.setattr("jobs.blocks.names.CHECK_INTERVAL", 0.05)
    monkeypatch.setattr("jobs.blocks.names.RETRY_DELAY", 0.05)


async def is_taken(world: World, name: str) -> bool:
    """Whether the cache has the name, so that a signup of it is refused."""
    return (await world.ledger.names.availability(name))[0] is Code.ACCOUNT_EXISTS


async def test_name_taken_on_one_node_only_waits(tmp_path: Path) -> None:
    async with lied_to(tmp_path, honest=True) as world:
        world.relay.lie(lies.TakenNames("alice-*"))
        await world.sign_up("alice-1", "bob-1")
        await world.until(lambda: is_waiting(world, "alice-1", "Two nodes disagree about who has the name."))
        world.relay.heal()
        await world.recovered()


async def is_waiting(world: World, name: str, words: str) -> bool:
    """Whether the job is queued, for this reason."""
    job = await world.job(name)
    return job.state is State.QUEUED and words in str(job.reason)


async def test_false_taken_name_fails_only_its_signup(tmp_path: Path) -> None:
    """A repeated signup succeeds once the node tells the truth."""

    async with lied_to(tmp_path) as world:
        world.relay.lie(lies.TakenNames("alice-*"))
        await world.sign_up("alice-1", "bob-1")
        await world.recovered("alice-1")
        assert (await world.job("alice-1")).code == Code.ACCOUNT_EXISTS
        world.relay.heal()
        await world.sign_up("alice-1")
        await world.until(lambda: is_done(world, "alice-1"))
        assert set((await world.totals()).registered) == {"alice-1", "bob-1"}


async def is_done(world: World, name: str) -> bool:
    """Whether the newest job of `name` is done."""
    return (await world.job(name)).state is State.DONE


@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_false_free_name_fails_only_its_signup(tmp_path: Path, honest: bool) -> None:
    """The chain refuses it; the others go on."""

    async with lied_to(tmp_path, honest=honest) as world:
        world.chain.control.register("alice-1", keys_of("other")["owner_key"])
        world.relay.lie(lies.FreeNames("alice-1"))
        await world.ledger.operators.pause("drain", by="ann", reason="both at once")
        await world.sign_up("alice-1", "bob-1")
        await world.ledger.operators.resume("drain", by="ann")
        await world.until(lambda: is_ended(world, "bob-1"))
        world.relay.heal()
        await world.recovered("alice-1")
        assert (await world.job("alice-1")).code == Code.ACCOUNT_EXISTS


async def is_ended(world: World, name: str) -> bool:
    """Whether the job is paid, or done."""
    return (await world.job(name)).state in (State.FUNDED, State.DONE)


NO_JSON = "control characters"


@pytest.mark.parametrize("lie", [lies.GarbageNames(kind) for kind in lies.GARBAGE if kind != NO_JSON], ids=repr)
async def test_malformed_page_of_names_is_not_cached(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path, lie) as world:
        await world.relay.lied_with(lies.GarbageNames, 2)
        assert not (await world.ledger.chain_status.load()).names_complete
        await world.sign_up("alice-2", "bob-2")
        await world.recovered()
        world.relay.heal()
        await world.until(lambda: is_complete(world))


async def test_list_that_is_not_json_ends_the_connection(tmp_path: Path) -> None:
    async with lied_to(tmp_path, lies.GarbageNames(NO_JSON), fit=False) as world:
        await world.sign_up("alice-2")
        await world.reported("the node sent something other than JSON-RPC", check="chain")
        world.relay.heal()
        await world.recovered()


async def is_complete(world: World) -> bool:
    """Whether all names were read."""
    return (await world.ledger.chain_status.load()).names_complete


@pytest.mark.parametrize("lie", [lies.EndlessNames(), lies.LongerPages(10)], ids=repr)
async def test_list_without_an_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: Lie) -> None:
    monkeypatch.setattr("jobs.blocks.names.MAX_NAMES", 3000)

    async with lied_to(tmp_path, lie) as world:
        await world.sign_up("alice-1")
        await world.recovered()
        await world.blocks(20)
        assert world.relay.seen["lookup_accounts"] < 200


MADE_UP = [lies.MadeUpNames(("alice-1",)), lies.MadeUpRegistration("alice-1", PLAIN, LIARS_KEY, every=2)]


@pytest.mark.parametrize("lie", MADE_UP, ids=repr)
async def test_name_from_an_untrusted_node_is_free_after_a_failover(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path, lie, honest=True) as world:
        await world.until(lambda: is_taken(world, "alice-1"))
        world.relay.heal()
        world.relay.lie(lies.HandshakeRefused())
        world.relay.disconnect()
        await world.until(lambda: is_free(world, "alice-1"))
        await world.sign_up("alice-1")
        world.relay.heal()
        await world.recovered()


async def is_free(world: World, name: str) -> bool:
    """Whether signups of the name are accepted."""
    return not await is_taken(world, name)


async def test_false_prefix_at_first_contact_fails_no_signup(tmp_path: Path) -> None:
    key = format_public_key(published_key("registrar").public, "BTS")
    lie = (lies.Prefix("BTS"), lies.AccountKeys("faucet", key))

    async with lied_to(tmp_path, *lie) as world:
        await world.sign_up("alice-1")
        await world.until(lambda: is_waiting(world, "alice-1", "must begin with BTS"))
        world.relay.heal()
        await world.restart(witness_url=(world.relay.url, world.chain.url))
        await world.recovered()
