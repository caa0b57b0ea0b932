"""After a node made up blocks: they are dropped, and the faucet follows the node in use."""

from pathlib import Path

from chain.blocks import Block
from devchain import DevChain, DevChainSettings
from jobs.ledger.blocks import REWIND
from jobs.model.job import State
from tests.harness.chain_harness import LAG, ChainSide, chain_side, on_dev_chain
from tests.harness.lying import lies
from tests.harness.lying.relay import Relay

MADE_UP = 200  #: the height that the stranger claims


async def follow_made_up_blocks(side: ChainSide, relay: Relay) -> None:
    """Follow an untrusted node far beyond the true head, and its irreversible blocks."""
    relay.lie(lies.HigherBlocks(up_to=MADE_UP), lies.Irreversible(LAG))
    await side.tracker.follow()
    assert side.tracker.final == MADE_UP - LAG
    relay.heal()


async def test_signups_resume_after_refollow(tmp_path: Path) -> None:
    """In the running program, without a restart."""

    chain = DevChain(DevChainSettings(block_interval=0, faults=True, irreversible_lag=LAG))
    await chain.start()
    chain.control.produce(2 * LAG)
    async with (
        Relay(chain.url) as relay,
        on_dev_chain(chain, tmp_path, {"own_nodes": ()}, urls=(relay.url,)) as side,
    ):
        await follow_made_up_blocks(side, relay)
        await side.accept("alice-1")
        await side.block()
        assert await side.drainer.drain() == "No irreversible block was followed yet."
        assert await side.ledger.operators.refollow(by="ann") == LAG + 1 + REWIND
        await side.block()
        await side.finish()
        assert side.tracker.final < MADE_UP - LAG
        # A fork is abandoned as usual: the finality that the made-up blocks claimed does not prevent it.
        await side.accept("bob-1")
        await side.drainer.drain()
        await side.block()
        chain.control.orphan(1)
        await side.block(2)
        assert (await side.job("bob-1")).state in {State.BROADCAST, State.REGISTERED}
        await side.finish()
    await chain.stop()


async def test_refollow_during_a_read_restarts_it(tmp_path: Path) -> None:
    """The faucet starts from the right block, not from where it was interrupted."""

    async with chain_side(tmp_path) as side:
        await side.block(3)
        read = side.node.blocks

        async def forget_meanwhile(numbers: range) -> list[Block]:
            side.node.blocks = read  # type: ignore[method-assign]
            await side.ledger.operators.refollow(by="ann")
            return await read(numbers)

        side.node.blocks = forget_meanwhile  # type: ignore[method-assign]  # what happens between two steps
        await side.block(2)
        oldest, last = await side.ledger.blocks.oldest(), await side.ledger.blocks.last()
        assert oldest is not None
        assert last is not None
        assert (oldest[0], last[0]) == (1, side.chain.chain.head_number)
