"""PostgreSQL is killed at each statement, and in the commit: what its outcome is nobody knows, and no harm is done."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.owner import Candidate
from tests.harness.chain_harness import LAG, REGISTRAR, ChainSide, chain_side
from tests.harness.chain_totals import read_totals
from tests.harness.database_relay import DatabaseRelay, database_relay
from tests.harness.ledgers import FREE, code_of, signup
from tests.harness.postgresql import Server, serving
from tests.harness.standby import wait_for_standbys

MAX_STEPS = 40  #: statements; fewer are needed
LEASE = 60.0  #: seconds, longer than any test


@pytest.fixture(scope="module")
def killed() -> Iterator[Server]:
    """A server that tests kill."""
    with serving() as server:
        yield server


def killing(server: Server, how: str) -> Callable[[int], None]:
    """Kills the process of a session, or all that the server has."""
    return server.lose if how == "backend" else lambda _process: server.crash()


def socket_of(server: Server) -> str:
    return str(server.folder / ".s.PGSQL.5432")


def at(relay: DatabaseRelay, schema: str) -> str:
    return f"{relay.url}&options=-csearch_path%3D{schema}"


@pytest.mark.parametrize("done_first", [False, True])
@pytest.mark.parametrize("how", ["backend", "server"])
async def test_repeat_of_an_unknown_outcome_gives_one_job(killed: Server, how: str, done_first: bool) -> None:
    outcomes = []
    async with database_relay(socket_of(killed)) as relay:
        ledger = await Ledger.open(at(relay, killed.new_schema()))
        for number in range(1, MAX_STEPS):
            each = signup(f"each-{number}")
            relay.arm(number, killing(killed, how), done_first=done_first)
            code = await code_of(ledger.signups.accept(each, FREE))
            relay.disarm()
            outcomes.append((code, len(await ledger.queries.jobs(name=each.name))))
            jobs = {(await ledger.signups.accept(each, FREE)).id for _ in range(2)}
            assert [job.id for job in await ledger.queries.jobs(name=each.name)] == [*jobs]
            if not relay.struck.is_set():
                break
        await ledger.close()
    # Where the commit was done before the kill, the job is there though nobody was told.
    assert outcomes.count((Code.LEDGER_UNAVAILABLE, 1)) == done_first
    assert outcomes.count((Code.LEDGER_UNAVAILABLE, 0)) >= 2
    assert set(outcomes) <= {(Code.LEDGER_UNAVAILABLE, 0), (Code.LEDGER_UNAVAILABLE, 1), (None, 1)}


def checks_the_ledger(side: ChainSide, server: Server, schema: str) -> list[str]:
    """Let the node take only what is in the ledger, as another session sees it; what else it was sent."""
    unknown: list[str] = []
    broadcast = side.node.broadcast

    async def checked(body: str) -> None:
        with server.connect(schema) as shell:
            if not shell.execute("SELECT 1 FROM transactions WHERE body = %s", (body,)).fetchall():
                unknown.append(body)
        await broadcast(body)

    side.node.broadcast = checked  # type: ignore[method-assign]  # as a test may
    return unknown


@pytest.mark.parametrize("done_first", [False, True])
async def test_nothing_is_broadcast_that_is_not_in_the_ledger(killed: Server, tmp_path: Path, done_first: bool) -> None:
    """The drain begins anew after each kill: what it wrote ahead it sends, and nothing else."""
    schema = killed.new_schema()
    async with database_relay(socket_of(killed)) as relay, chain_side(tmp_path, url=at(relay, schema)) as side:
        await side.block()
        unknown, names = checks_the_ledger(side, killed, schema), []
        for number in range(1, MAX_STEPS):
            names.append(f"drained-{number}")
            await side.accept(names[-1], balance="1")
            relay.arm(number, killed.lose, done_first=done_first)
            await code_of(side.drainer.drain())
            relay.disarm()
            await side.drainer.drain()
            await side.block()
            if not relay.struck.is_set():
                break
        await side.finish()
        totals = await read_totals(side.node, payer=REGISTRAR)
        assert unknown == []
        assert {name: totals.registered[name] for name in names} == dict.fromkeys(names, 1)
        assert {totals.paid[totals.ids[name]] for name in names} == {1}
        assert len(names) > 8


@pytest.mark.parametrize("done_first", [False, True])
async def test_blocks_are_followed_on_from_each_statement(killed: Server, tmp_path: Path, done_first: bool) -> None:
    """What was read of a block is in the ledger whole, or is read again; so is what became irreversible."""
    schema = killed.new_schema()
    async with database_relay(socket_of(killed)) as relay, chain_side(tmp_path, url=at(relay, schema)) as side:
        await side.block()
        names = []
        for number in range(1, MAX_STEPS):
            names.append(f"followed-{number}")
            await side.accept(names[-1], balance="1")
            await side.drainer.drain()
            side.chain.control.produce(1)
            relay.arm(number, killed.end, done_first=done_first)
            await code_of(side.tracker.follow())
            relay.disarm()
            await side.tracker.follow()
            if not relay.struck.is_set():
                break
        await side.finish()
        totals = await read_totals(side.node, payer=REGISTRAR)
        assert {name: totals.registered[name] for name in names} == dict.fromkeys(names, 1)
        assert {totals.paid[totals.ids[name]] for name in names} == {1}
        assert len(names) > LAG  # the last ones became irreversible under it


@pytest.mark.parametrize("done_first", [False, True])
async def test_lease_is_had_in_one_epoch_whatever_becomes_of_it(killed: Server, done_first: bool) -> None:
    """Whether it was taken, renewed or given back nobody knows: an owner tries again, and is the owner or is not."""
    me, other, epoch = Candidate("ann", "first"), Candidate("bob", "second"), 0
    async with database_relay(socket_of(killed)) as relay:
        ledger = await Ledger.open(at(relay, killed.new_schema()))
        for number in range(1, MAX_STEPS):
            struck = []

            async def attempt(work: Awaitable[object]) -> None:
                relay.arm(number, killed.end, done_first=done_first)  # noqa: B023  # called within the round
                await code_of(work)
                relay.disarm()
                struck.append(relay.struck.is_set())  # noqa: B023

            await attempt(ledger.lease.acquire(me, LEASE))
            earlier, epoch = epoch, await ledger.lease.acquire(me, LEASE) or 0
            assert (await ledger.lease.acquire(other, LEASE), epoch > earlier) == (None, True)
            owner = ledger.as_owner(epoch)
            await attempt(owner.lease.renew(LEASE))
            await owner.lease.renew(LEASE)
            await attempt(owner.lease.give_back())
            assert await code_of(owner.check_writable()) is Code.LEDGER_UNAVAILABLE
            if not any(struck):
                break
        await ledger.close()
    assert number > 3


@pytest.fixture
def alone() -> Iterator[Server]:
    """A server whose commits a test lets wait for a standby that is not there."""
    with serving() as server:
        yield server


async def code_where_commits_are_cancelled(server: Server, attempt: Any) -> Code | None:
    """The code that `attempt` fails with; each commit is cancelled as soon as it waits for the standby."""
    attempted = asyncio.create_task(code_of(attempt))
    with server.connect() as shell:
        while not attempted.done():
            shell.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
            await asyncio.sleep(0)
    return await attempted


async def test_nothing_is_sent_that_the_standby_may_lack(alone: Server, tmp_path: Path) -> None:
    """What a commit wrote that was not confirmed is there all the same: it waits for a commit that is."""
    async with chain_side(tmp_path, url=alone.url()) as side:
        await side.block()
        await side.accept("sure-1", balance="1")
        await side.finish()
        sent = side.node.calls["broadcast_transaction"]
        await side.accept("unsure-1", balance="1")
        wait_for_standbys(alone, "nobody")
        for _ in range(3):
            code = await code_where_commits_are_cancelled(alone, side.drainer.drain())
            assert (code, len(await side.ledger.drain.live())) == (Code.LEDGER_UNAVAILABLE, 1)
            assert side.node.calls["broadcast_transaction"] == sent
        wait_for_standbys(alone, "")
        await side.finish()
        totals = await read_totals(side.node, payer=REGISTRAR)
        assert (dict(totals.registered), totals.paid.total()) == ({"sure-1": 1, "unsure-1": 1}, 2)
