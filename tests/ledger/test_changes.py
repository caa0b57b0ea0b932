"""A client that waits for a job in one process is notified of moves made in another."""

import asyncio
import time
from pathlib import Path

import pytest

from jobs.chain_status import Snapshot
from jobs.ledger import Ledger
from jobs.ledger.changes import Watch
from jobs.model.job import Job, Limits, Signup
from tests.harness.ledgers import Clock, open_ledger, opened
from tests.harness.program import command, dev_chain, faucet, keys_of
from tests.harness.serving import register

FREE = Limits(queue=1000)


async def accepted(ledger: Ledger, name: str) -> Job:
    return await ledger.signups.accept(Signup(name, **keys_of(name)), FREE)


@pytest.mark.usefixtures("each_engine")
async def test_moves_in_another_process_wake_watchers(tmp_path: Path) -> None:
    here, there = [await open_ledger(tmp_path, time.time) for _ in range(2)]
    alice, bob = await accepted(there, "alice-1"), await accepted(there, "bob-1")
    with here.changes.watch(alice.id) as of_alice, here.changes.watch(bob.id) as of_bob:
        await here.change_poller.poll()
        await of_alice.changed(0)
        await of_bob.changed(0)
        await register(there, alice)
        await here.change_poller.poll()
        assert await of_alice.changed(0)
        assert not await of_bob.changed(0)
        await here.change_poller.poll()
        assert not await of_alice.changed(0), "told twice of one move"
        await there.operators.cancel([bob.id], by="ann", reason="x")
        await here.change_poller.poll()
        assert await of_bob.changed(0)
    await here.close()
    await there.close()


@pytest.mark.usefixtures("each_engine")
async def test_version_changes_with_each_commit_of_any_process(tmp_path: Path) -> None:
    here, there = [await open_ledger(tmp_path) for _ in range(2)]
    seen = {await here.change_poller.version()}
    for number in range(3):
        await accepted(there, f"there-{number}")
        seen.add(await here.change_poller.version())
        await accepted(here, f"here-{number}")
        seen.add(await here.change_poller.version())
    assert len(seen) == 7
    for ledger in (here, there):
        await ledger.close()


@pytest.mark.usefixtures("each_engine")
async def test_snapshot_shows_what_another_process_wrote(tmp_path: Path) -> None:
    here, there = [await open_ledger(tmp_path) for _ in range(2)]
    snapshot = Snapshot(here)
    for reason in ("The disk is full.", "The disk is new."):
        await snapshot.refresh()
        await there.operators.pause("intake", by="ann", reason=reason)
        await snapshot.refresh()
        assert snapshot.intake is not None
        assert snapshot.intake.reason == reason
    for ledger in (here, there):
        await ledger.close()


async def test_snapshot_reads_what_time_alone_changes(tmp_path: Path) -> None:
    clock = Clock()
    async with opened(tmp_path, clock) as ledger:
        await register(ledger, await accepted(ledger, "alice-1"))
        snapshot = Snapshot(ledger)
        await snapshot.refresh()
        assert snapshot.registration_rate > 0
        clock.now += 120
        await snapshot.refresh()
        assert snapshot.registration_rate == 0


async def test_moves_are_seen_though_the_clock_was_ahead_at_first(tmp_path: Path) -> None:
    """The first transaction of a process shows it the server's clock."""
    clock = Clock()
    async with opened(tmp_path) as there:
        alice = await accepted(there, "alice-1")
        clock.now += 5
        async with opened(tmp_path, clock) as here:
            clock.now -= 5
            with here.changes.watch(alice.id) as of_alice:
                await here.change_poller.poll()
                assert await of_alice.changed(0)


async def test_waiting_reply_ends_when_an_operator_cancels(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path, chain.url, nobroadcast=True) as service:
        job_id = (await service.sign_up("alice-1")).body["job"]["id"]
        waiting = asyncio.create_task(service.fetch(f"/api/v1/jobs/{job_id}?wait=30"))
        await command("cancel", "--config", str(service.config), job_id)
        assert (await waiting).body["job"]["state"] == "cancelled"


async def test_watch_waits_for_a_move_or_its_time() -> None:
    watch = Watch()
    assert not await watch.changed(0)
    waiting = asyncio.create_task(watch.changed(600))
    await asyncio.sleep(0)
    watch.poke()
    watch.poke()
    assert await waiting
    assert not await watch.changed(0.001), "told twice of one move"
    watch.poke()
    assert await watch.changed(0)
    waiting = asyncio.create_task(watch.changed(600))
    await asyncio.sleep(0)
    watch.end()
    assert (await waiting, await watch.changed(600)) == (False, False)
