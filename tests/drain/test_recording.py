"""Large blocks, which are recorded in parts: what happens between two of them."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from devchain import ChainParameters, DevChain, DevChainSettings
from jobs.errors import FaucetError
from jobs.ledger.errors import unavailable
from jobs.model.job import State
from jobs.model.transaction import BlockEffects, Kind
from tests.harness.chain_harness import LAG, ChainSide, on_dev_chain
from tests.harness.engines import location_of
from tests.harness.flavours import flavour

pytestmark = pytest.mark.usefixtures("each_engine", "small_parts")

NAMES = [f"part-{number}" for number in range(30)]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of NAMES has several parts, each of one transaction."""
    monkeypatch.setattr("jobs.blocks.recording.MAX_JOBS", 2)


@pytest.fixture
async def chain() -> AsyncIterator[DevChain]:
    """A dev chain with small transactions, which makes blocks on demand."""
    parameters = ChainParameters(maximum_transaction_size=1024)
    chain = DevChain(
        DevChainSettings(block_interval=0, faults=True, flavour=flavour(), irreversible_lag=LAG, parameters=parameters)
    )
    await chain.start()
    yield chain
    await chain.stop()


@contextlib.asynccontextmanager
async def opened(chain: DevChain, folder: Path) -> AsyncIterator[ChainSide]:
    """A chain side that starts with the ledger in `folder`."""
    async with on_dev_chain(chain, folder, url=location_of(folder)) as side:
        yield side


async def record_part(side: ChainSide) -> None:
    """Register NAMES in one block, of which the ledger takes two parts before it fails."""
    await side.block()
    await side.accept(*NAMES, balance="2")
    await side.drainer.drain()
    follow, calls = side.ledger.blocks.follow, []

    async def fail_at_the_third(blocks: Sequence[BlockEffects], *arguments: Any, **options: Any) -> list[int]:
        calls.append([block.is_whole for block in blocks])
        if len(calls) == 3:
            raise unavailable()
        return await follow(blocks, *arguments, **options)

    side.ledger.blocks.follow = fail_at_the_third  # type: ignore[method-assign]  # between two transactions
    side.chain.control.produce(1)
    with pytest.raises(FaucetError):
        await side.tracker.follow()
    side.ledger.blocks.follow = follow  # type: ignore[method-assign]
    assert calls == [[False]] * 3
    assert set(await side.states()) == {State.BROADCAST, State.REGISTERED}


async def commits(side: ChainSide) -> list[list[State]]:
    """Follow the chain; the jobs' states after each transaction that moved any."""
    seen: list[list[State]] = []
    run = side.ledger.blocks._store.run

    async def looked_at(step: Any) -> Any:
        result = await run(step)
        seen.append(await side.states())
        return result

    side.ledger.blocks._store.run = looked_at  # type: ignore[method-assign]
    await side.tracker.follow()
    side.ledger.blocks._store.run = run  # type: ignore[method-assign]
    return seen


async def check_all_paid_once(side: ChainSide) -> None:
    """Every job ends well, and its account has what was promised."""
    await side.finish()
    accounts = await side.node.accounts(NAMES)
    assert [await side.node.balance(account.id) for account in accounts if account] == [200_000] * len(NAMES)


async def test_large_block_is_recorded_in_parts(chain: DevChain, tmp_path: Path) -> None:
    async with opened(chain, tmp_path) as side:
        await side.block()
        await side.accept(*NAMES)
        await side.drainer.drain()
        chain.control.produce(1)
        registered = [states.count(State.REGISTERED) for states in await commits(side)]
        assert registered == sorted(registered)
        assert len({*registered}) >= 3
        assert registered[-1] == len(NAMES)


async def test_no_payment_refers_to_a_block_before_its_accounts(chain: DevChain, tmp_path: Path) -> None:
    """A block counts as followed once it is whole, and nobody is paid before."""
    async with opened(chain, tmp_path) as side:
        await record_part(side)
        side.tracker.obstacle = None
        await side.drainer.drain()
        assert {transaction.kind for transaction in await side.ledger.drain.live()} == {Kind.REGISTRATION}
        await check_all_paid_once(side)


async def test_rest_of_a_block_is_recorded_after_a_restart(chain: DevChain, tmp_path: Path) -> None:
    """No job is seen to go back meanwhile."""
    async with opened(chain, tmp_path) as side:
        await record_part(side)
        before = await side.states()
    async with opened(chain, tmp_path) as side:
        for states in await commits(side):
            assert all(state is not State.BROADCAST or was is state for was, state in zip(before, states, strict=True))
        assert set(await side.states()) == {State.REGISTERED}
        await check_all_paid_once(side)


@pytest.mark.parametrize("keeps", [False, True])
async def test_part_of_an_orphaned_block_is_undone(chain: DevChain, tmp_path: Path, keeps: bool) -> None:
    """Whether the fork has the registrations in another order, with other account ids, or not at all."""
    async with opened(chain, tmp_path) as side:
        await record_part(side)
        chain.control.orphan(1, keep=keeps, reverse=True)
    async with opened(chain, tmp_path) as side:
        await side.block()
        assert set(await side.states()) == {State.REGISTERED if keeps else State.BROADCAST}
        for account in await side.node.accounts(NAMES):
            assert account is None or account.id == (await side.job(account.name)).account_id
        await check_all_paid_once(side)


async def test_refollow_between_two_parts_reads_the_block_again(chain: DevChain, tmp_path: Path) -> None:
    async with opened(chain, tmp_path) as side:
        await record_part(side)
        await side.ledger.operators.refollow(by="ann")
        await side.tracker.follow()
        await check_all_paid_once(side)
