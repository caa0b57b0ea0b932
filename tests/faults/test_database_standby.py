"""The standby that every commit waits for is frozen, and takes over: nothing is lost, and nothing is done twice."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.engines import on_postgresql
from tests.harness.machines import LONG_LEASE, Machine, check_totals, done, machines, sent, sign_up, taken
from tests.harness.postgresql import Server, serving
from tests.harness.program import dev_chain
from tests.harness.standby import NAME, Standby, following, replicated, wait_for_standbys

pytestmark = pytest.mark.usefixtures("every_flavour")


@pytest.fixture
def servers() -> Iterator[tuple[Server, Standby]]:
    """A primary and its standby, for the ledgers of a test."""
    with replicated() as (primary, standby), on_postgresql(primary):
        yield primary, standby


async def refused(*every: Machine, names: list[str]) -> None:
    """Sign up at each of the machines while no commit is confirmed: each reply says when to try again."""
    replies = await asyncio.gather(
        *(machine.sign_up(name) for machine, name in zip(every, names, strict=True)),
        *(machine.fetch("/healthz/intake") for machine in every),
    )
    codes = {(reply.status, reply.body["error_code"], "Retry-After" in reply.headers) for reply in replies}
    assert codes == {(503, "ledger_unavailable", True)}


async def test_frozen_standby_loses_nothing(tmp_path: Path, servers: tuple[Server, Standby]) -> None:
    """Nobody cancels the commits that wait for it: they are done when it goes on."""
    primary, standby = servers
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", lease_seconds=LONG_LEASE) as (ann, bob):
        balance = await chain.node.balance("1.2.7")
        jobs = await sign_up(bob, "before-1", "before-2")
        with standby.frozen():
            await refused(ann, bob, names=["frozen-1", "frozen-2"])
        await taken(ann, bob)
        jobs += await sign_up(bob, "frozen-1", "frozen-2", "after-1")
        await done(ann, jobs)
        names = ["before-1", "before-2", "frozen-1", "frozen-2", "after-1"]
        await check_totals(tmp_path, chain, names, balance)
    assert "canceling wait" not in (primary.folder / "log").read_text()


async def test_promoted_standby_has_what_was_accepted(tmp_path: Path, servers: tuple[Server, Standby]) -> None:
    """The faucets find it by the list of hosts in their URL."""
    primary, standby = servers
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", lease_seconds=LONG_LEASE) as (ann, bob):
        balance = await chain.node.balance("1.2.7")
        jobs = await sign_up(ann, "early-1", "early-2")
        await bob.job(jobs[0], until=("funding", "funded", "done"))
        jobs += await sign_up(bob, "before-1", "before-2")
        with standby.frozen():
            await refused(ann, bob, names=["frozen-1", "frozen-2"])
            primary.kill()
        standby.promote()
        await taken(ann, bob)
        jobs += await sign_up(bob, "frozen-1", "frozen-2", "after-1")
        assert await ann.sees_owner("ann") == 1
        await done(bob, jobs)
        names = ["early-1", "early-2", "before-1", "before-2", "frozen-1", "frozen-2", "after-1"]
        await check_totals(tmp_path, chain, names, balance)


async def test_nothing_is_signed_while_a_failover_could_forget_it(tmp_path: Path) -> None:
    """An asynchronous standby is attached while the faucets run: signups are accepted, and wait."""
    with serving() as primary, contextlib.ExitStack() as attached, on_postgresql(primary):
        async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob") as (ann, bob):
            balance = await chain.node.balance("1.2.7")
            jobs = await sign_up(bob, "before-1")
            await done(bob, jobs)
            known = await sent(chain)
            attached.enter_context(following(primary))
            jobs += await sign_up(bob, "waiting-1")
            await ann.logged("could forget what it confirms, so nothing is signed: a standby may take over")
            await ann.logged('event="alert begun" alert=database')
            checks = (await bob.fetch("/readyz")).body["checks"]
            assert f"a standby may take over ({NAME})" in checks["ledger"]["text"]
            assert (await bob.job(jobs[1], until="queued"))["attempts"] == 0
            assert await sent(chain) == known
            wait_for_standbys(primary, NAME)
            await done(bob, jobs)
            await check_totals(tmp_path, chain, ["before-1", "waiting-1"], balance)
