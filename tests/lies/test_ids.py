"""Nodes that lie about new accounts' ids on chains without operation results."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devchain import Flavour
from jobs.model.job import State
from tests.harness.flavours import flavoured
from tests.harness.liar import PLAIN, World, lied_to
from tests.harness.lying import lies
from tests.harness.lying.lie import Lie

HELD = "one stranger's node alone says that no block holds it"
FALSE_IDS = [lies.AccountId("alice-*", PLAIN), lies.SwappedIds("alice-1", "alice-2")]


@pytest.fixture(autouse=True)
def without_results() -> Iterator[None]:
    """Every chain here keeps no operation results."""
    with flavoured(Flavour.BITSHARES):
        yield


@pytest.mark.parametrize("lie", FALSE_IDS, ids=repr)
async def test_false_id_under_a_name_is_refused_by_the_chain(tmp_path: Path, lie: Lie) -> None:
    """The payment asserts the id, so it is held until an operator releases it; then the right account is paid."""

    async with lied_to(tmp_path, lie) as world:
        await world.sign_up("alice-1", "alice-2")
        await world.reported(HELD)
        assert (await world.totals()).paid == {}
        world.relay.heal()
        await world.until(lambda: released_or_done(world))
        await world.recovered()


async def held_jobs(world: World) -> list[str]:
    """The ids of the jobs whose payment is held."""
    numbers = {number for payment in await world.ledger.expiry.held() for number in payment.jobs}
    return [job.id for job in (await world.jobs()).values() if job.number in numbers]


async def released_or_done(world: World) -> bool:
    """Release held payments; returns whether all jobs are done."""
    if jobs := await held_jobs(world):
        await world.ledger.operators.release_payments(jobs, by="ann", reason="it is in no block")
    return {job.state for job in (await world.jobs()).values()} == {State.DONE}


@pytest.mark.parametrize("lie", FALSE_IDS, ids=repr)
async def test_second_node_contradicts_a_false_id_under_a_name(tmp_path: Path, lie: Lie) -> None:
    """Nothing is final, and so nothing is paid, until both nodes report the same ids."""

    async with lied_to(tmp_path, lie, honest=True) as world:
        await world.sign_up("alice-1", "alice-2", "alice-3")
        await world.reported("shows other account ids than the node in use")
        assert (await world.totals()).paid == {}
        world.relay.heal()
        await world.recovered()


async def test_payment_hidden_once_included_is_not_paid_again(tmp_path: Path) -> None:
    async with lied_to(tmp_path) as world:
        await world.sign_up("alice-1", "alice-2")
        await world.reach(State.FUNDING, State.FUNDED)
        world.relay.lie(lies.HiddenTransactions("1.2.7"))
        await world.reported(HELD)
        assert len((await world.totals()).paid) == 2
        world.relay.heal()
        await world.ledger.operators.refollow(by="ann", reason="the node lied")
        await world.recovered()
        assert await world.ledger.expiry.held() == []
