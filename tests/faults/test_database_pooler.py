"""PgBouncer between the faucets and PostgreSQL, in transaction mode: nothing of a session may be relied on."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.engines import on_postgresql
from tests.harness.ledgers import raw
from tests.harness.machines import LONG_LEASE, check_totals, done, machines, sign_up, taken
from tests.harness.pooler import SESSIONS, Pooler, pooling
from tests.harness.postgresql import Server
from tests.harness.program import command, dev_chain

pytestmark = pytest.mark.usefixtures("every_flavour")

OF_FAUCETS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'faucet'"


@pytest.fixture
def pooler(postgresql: Server) -> Iterator[Pooler]:
    """A pooler, and the ledgers of a test behind it."""
    with pooling(postgresql) as pooler, on_postgresql(pooler):
        yield pooler


@pytest.mark.usefixtures("pooler")
async def test_owner_behind_a_pooler_is_taken_over_from(tmp_path: Path) -> None:
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", lease_seconds=LONG_LEASE) as (ann, bob):
        balance = await chain.node.balance("1.2.7")
        code, output, _ = await command("check", "--config", str(ann.config))
        assert (code, "FAIL" in output) == (0, False)
        jobs = await sign_up(bob, "early-1", "early-2")
        await bob.job(jobs[0], until=("broadcast", "registered", "funding", "funded", "done"))
        await ann.stop(signal.SIGKILL)
        jobs += await sign_up(bob, "late-1")
        assert await bob.sees_owner("bob") == 2
        await done(bob, jobs)
        await check_totals(tmp_path, chain, ["early-1", "early-2", "late-1"], balance)
        ((sessions,),) = raw(tmp_path, OF_FAUCETS)
        assert 0 < sessions <= SESSIONS


async def test_killed_pooler_loses_nothing(tmp_path: Path, pooler: Pooler) -> None:
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", lease_seconds=LONG_LEASE) as (ann, bob):
        balance = await chain.node.balance("1.2.7")
        jobs = await sign_up(bob, "before-1", "before-2")
        pooler.stop(signal.SIGKILL)
        refused = await bob.sign_up("after-1")
        assert (refused.status, refused.body["error_code"]) == (503, "ledger_unavailable")
        pooler.start()
        await taken(ann, bob)
        jobs += await sign_up(bob, "after-1")
        await done(ann, jobs)
        await check_totals(tmp_path, chain, ["before-1", "before-2", "after-1"], balance)
