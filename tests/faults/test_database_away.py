"""The PostgreSQL of three machines stands still, or is killed: each request is answered, and then all goes on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.engines import on_postgresql
from tests.harness.machines import Machine, check_totals, done, machines, sign_up, taken
from tests.harness.postgresql import Server, serving
from tests.harness.program import HttpReply, dev_chain

pytestmark = pytest.mark.usefixtures("every_flavour")

LEASE = 2.0  #: seconds, less than until a request is answered
FROZEN = 30.0  #: seconds that PostgreSQL stands still, asked all the time
NAMES = [f"away-{number}" for number in range(9)]


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for the ledgers of a test, which may damage it."""
    with serving() as server, on_postgresql(server):
        yield server


async def ask(every: list[Machine]) -> list[HttpReply]:
    """Sign up all NAMES at once, at the machines in turn."""
    turns = zip(NAMES, every * len(NAMES), strict=False)
    return list(await asyncio.gather(*(machine.sign_up(name) for name, machine in turns)))


async def ask_for(seconds: float, every: list[Machine]) -> list[HttpReply]:
    """Sign up all NAMES, again and again, until so many seconds are over."""
    loop, replies = asyncio.get_running_loop(), list[HttpReply]()
    over = loop.time() + seconds
    while loop.time() < over:
        replies += await ask(every)
    return replies


async def accepted(every: list[Machine]) -> list[str]:
    """The jobs of all NAMES, once all machines take signups again."""
    await taken(*every)
    replies = await ask(every)
    assert [reply.status for reply in replies] == [200] * len(NAMES)
    return [reply.body["job"]["id"] for reply in replies]


async def test_database_that_stands_still_for_half_a_minute(tmp_path: Path, server: Server) -> None:
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", "cyd", lease_seconds=LEASE) as every:
        balance = await chain.node.balance("1.2.7")
        jobs = await sign_up(every[1], "before-1", "before-2")
        with server.frozen():
            replies = await ask_for(FROZEN, every)
            replies += await asyncio.gather(*(machine.fetch("/healthz/intake") for machine in every))
            statuses = [(await machine.fetch("/readyz")).status for machine in every]
        assert {(each.status, each.body["error_code"]) for each in replies} == {(503, "ledger_unavailable")}
        assert (all("Retry-After" in each.headers for each in replies), set(statuses)) == (True, {503})
        jobs += await accepted(every)
        await done(every[0], jobs)
        await check_totals(tmp_path, chain, ["before-1", "before-2", *NAMES], balance)


async def test_database_that_is_killed_under_three_machines(tmp_path: Path, server: Server) -> None:
    async with dev_chain() as chain, machines(tmp_path, chain, "ann", "bob", "cyd", lease_seconds=LEASE) as every:
        balance = await chain.node.balance("1.2.7")
        jobs = await sign_up(every[1], "before-1", "before-2")
        for job in jobs:
            await every[2].job(job, until=("broadcast", "registered", "funding", "funded", "done"))
            asking = asyncio.create_task(ask(every))
            await asyncio.sleep(0)
            server.crash()
            assert {reply.status for reply in await asking} <= {200, 503}
        jobs += await accepted(every)
        await done(every[0], jobs)
        await check_totals(tmp_path, chain, ["before-1", "before-2", *NAMES], balance)
