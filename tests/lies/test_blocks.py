"""Nodes that invent blocks, hide their contents, or pretend that time has passed."""

import time
from pathlib import Path

import pytest

from chain.keys import format_public_key
from devchain import DevChain, DevChainSettings
from devchain.settings import published_key
from jobs.ledger.blocks import REWIND
from jobs.model.job import State
from jobs.settings import Settings
from tests.harness.liar import LAG, PLAIN, WatchedChain, World, lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie

DAY = 86_400
LIARS_KEY = format_public_key(published_key("liar").public, "TEST")
ANEW = "if the chain was started anew, use a new ledger; if an earlier node made blocks up, run: faucet.py refollow"

#: These make every transaction seem expired.
RUSHES = [
    (lies.HeadTime(900), lies.Irreversible()),
    (lies.HigherBlocks(ahead=30, seconds=30), lies.Irreversible(-50)),
]


@pytest.mark.parametrize("rush", RUSHES, ids=repr)
@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_false_head_time_expires_nothing(tmp_path: Path, rush: tuple[Lie, ...], honest: bool) -> None:
    """By the local clock nothing has expired, whatever the head says: lost transactions are not signed again."""

    async with lied_to(tmp_path, honest=honest, transaction_expiration=60) as world:
        world.relay.lie(lies.LostBroadcasts())
        await world.sign_up("alice-1", "bob-1")
        await world.reach(State.BROADCAST)
        world.relay.lie(*rush)
        await world.blocks(20)
        assert {job.attempts for job in (await world.jobs()).values()} == {1}
        assert world.relay.broadcasts
        await world.relay.replay()
        world.relay.heal()
        await world.ledger.operators.refollow(by="ann", reason="the node made blocks up")
        await world.recovered()


@pytest.mark.parametrize("lie", [lies.HeadTime(DAY), lies.HigherBlocks(ahead=10, seconds=DAY)], ids=repr)
async def test_untrusted_node_ahead_of_the_clock_is_left(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path) as world:
        world.relay.lie(lie)
        await world.sign_up("alice-1")
        await world.reported("seconds ahead of this machine's clock: set the clock, or use another node", check="chain")
        assert (await world.totals()).registered == {}
        world.relay.heal()
        await world.recovered()


async def test_own_node_ahead_of_the_clock_is_used(tmp_path: Path) -> None:
    loopback = Settings().own_nodes
    async with lied_to(tmp_path, lies.HeadTime(2000), own_nodes=loopback) as world:
        await world.sign_up("alice-1")
        await world.recovered()


@pytest.mark.parametrize("honest", [True, False], ids=["two nodes", "one node"])
async def test_false_irreversible_head_finalizes_nothing(tmp_path: Path, honest: bool) -> None:
    """A single untrusted node is believed, which costs nothing: a fork removes the payment along with its account."""

    async with lied_to(tmp_path, lies.Irreversible(), honest=honest) as world:
        await world.sign_up("alice-1")
        await world.reach(State.FUNDED, State.DONE)
        if honest:
            job = await world.job("alice-1")
            head = world.chain.chain.head_number
            assert job.state is State.FUNDED or head - (job.block_num or 0) >= LAG
        world.relay.heal()
        await world.recovered()


MADE_UP = [
    lies.MadeUpTransfer("1.2.10", 150_000, every=3),
    lies.MadeUpRegistration("made-up-1", PLAIN, LIARS_KEY, every=3),
    lies.HiddenTransactions("1.2.7"),
    lies.Fork(8),
]


@pytest.mark.parametrize("lie", MADE_UP, ids=repr)
async def test_second_node_contradicts_made_up_blocks(tmp_path: Path, lie: Lie) -> None:
    """Their payments are not imported, their registrations finalize nothing, and hidden payments are not repeated."""

    async with lied_to(tmp_path, honest=True) as world:
        await world.sign_up("alice-1")
        await world.reach(State.REGISTERED, State.FUNDING, State.FUNDED)
        world.relay.lie(lie)
        await world.sign_up("bob-1")
        await world.reported("has another block")
        await world.blocks(25)
        await world.totals()
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("lie", MADE_UP[:2], ids=repr)
async def test_made_up_blocks_of_one_untrusted_node_pay_nobody_twice(tmp_path: Path, lie: Lie) -> None:
    async with lied_to(tmp_path) as world:
        world.relay.lie(lie)
        await world.sign_up("alice-1")
        await world.blocks(30)
        await world.totals()
        world.relay.heal()
        await world.sign_up("bob-1")
        await world.until(lambda: done(world, "bob-1"))
        totals = await world.totals()
        assert set(totals.registered) == {"alice-1", "bob-1"}


async def done(world: World, name: str) -> bool:
    """Whether the job of `name` is done."""
    return (await world.job(name)).state is State.DONE


@pytest.mark.parametrize("honest", [True, False], ids=["fail-over", "healed"])
async def test_made_up_higher_blocks_are_detected_and_abandoned(tmp_path: Path, honest: bool) -> None:
    """The true head is far below the last block followed, which the liar called final."""

    liar = (lies.HigherBlocks(up_to=400, seconds=0), lies.Irreversible())
    async with lied_to(tmp_path) as world:
        world.relay.lie(*liar)
        await world.until(lambda: final(world, 400))
        await world.sign_up("alice-1")
        began = time.monotonic()
        world.relay.heal()
        if honest:
            await world.restart(witness_url=(world.chain.url,))
        await world.reported(ANEW)
        assert time.monotonic() - began < 60
        await world.ledger.operators.refollow(by="ann", reason="the node made blocks up")
        await world.recovered()


async def final(world: World, number: int) -> bool:
    """Whether block `number` counts as irreversible."""
    return ((await world.ledger.chain_status.load()).irreversible_block or 0) >= number


async def followed(world: World, number: int) -> bool:
    """Whether block `number` was followed."""
    last = await world.ledger.blocks.last()
    return last is not None and last[0] >= number


async def test_made_up_blocks_never_become_final_beside_a_second_node(tmp_path: Path) -> None:
    """So the faucet abandons them, like any fork, when the honest node takes over."""

    async with lied_to(tmp_path, honest=True) as world:
        world.relay.lie(lies.HigherBlocks(up_to=120, seconds=1), lies.Irreversible())
        await world.until(lambda: followed(world, 120))
        await world.sign_up("alice-1")
        world.relay.lie(lies.HandshakeRefused(503))
        world.relay.disconnect()
        await world.reach(State.FUNDED)
        world.relay.heal()
        await world.recovered()


@pytest.mark.parametrize("blocks", [REWIND * 3, 2], ids=["longer", "shorter"])
async def test_chain_restarted_under_the_same_id_is_refused(tmp_path: Path, blocks: int) -> None:
    async with lied_to(tmp_path) as world:
        await world.sign_up("alice-1")
        await world.recovered()
        await world.until(lambda: followed(world, REWIND + 2 * LAG))
        anew = chain_with_id(world.chain)
        anew.control.produce(world.chain.chain.head_number + blocks if blocks > 2 else blocks)
        await anew.start()
        try:
            began = time.monotonic()
            world.relay.upstream = anew.url
            world.relay.disconnect()
            await world.reported("if the chain was started anew, use a new ledger")
            assert time.monotonic() - began < 60
        finally:
            await anew.stop()


def chain_with_id(chain: DevChain) -> DevChain:
    """A new chain with the id of `chain`."""
    return WatchedChain(
        DevChainSettings(block_interval=0.05, faults=True, irreversible_lag=LAG, chain_id=chain.chain_id)
    )
