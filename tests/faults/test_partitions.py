"""The chain's owner is cut off, by a link of its machine that goes down: another one takes over, and it stands back."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.harness.engines import on_postgresql
from tests.harness.ledger_audit import LedgerAudit, strays
from tests.harness.lying.relay import Relay
from tests.harness.machines import PAYING, check_totals, done, recorded, sign_up
from tests.harness.networks import Host, Link, private_network
from tests.harness.postgresql import serving
from tests.harness.program import DevChainProgram, dev_chain, on_chain
from tests.harness.remote_machines import DATABASE_NETWORK, EVERYWHERE, Database, RemoteMachine, listening

SHORT_LEASE = 1.5  #: seconds


@dataclass(frozen=True)
class Pair:
    """Two machines, each with a relay to the chain, which records what the machine sends."""

    ann: RemoteMachine
    bob: RemoteMachine
    by_ann: Relay
    audit: LedgerAudit


@contextlib.asynccontextmanager
async def pair(folder: Path, chain: DevChainProgram, hosts: list[Host], database: Database) -> AsyncIterator[Pair]:
    """Both serve, and ann owns the chain."""
    settings = on_chain("", **PAYING, lease_seconds=SHORT_LEASE)
    async with contextlib.AsyncExitStack() as running:
        relays: list[Relay] = []
        machines: list[RemoteMachine] = []
        for name, host in zip(("ann", "bob"), hosts, strict=True):
            relay = await running.enter_async_context(Relay(chain.url, host=EVERYWHERE))
            port = int(relay.url.rsplit(":", 1)[1])
            machine = RemoteMachine(folder, name, settings, host=host, database=database, chain=port)
            running.push_async_callback(machine.stop)
            await machine.start()
            await machine.sees_owner("ann")
            relays.append(relay)
            machines.append(machine)
        audit = LedgerAudit(database)
        audit.install()
        yield Pair(ann=machines[0], bob=machines[1], by_ann=relays[0], audit=audit)


@pytest.mark.parametrize("links", [(Link.DATABASE,), (Link.DATABASE, Link.CHAIN)], ids=" and ".join)
async def test_owner_that_was_cut_off_writes_and_sends_nothing_afterwards(tmp_path: Path, links: list[Link]) -> None:
    """What it had sent before is the next owner's to follow, and to send again."""
    with private_network(tmp_path) as network:
        hosts = [network.host(), network.host()]
        with (
            serving(listening(hosts), admitted=DATABASE_NETWORK) as server,
            on_postgresql(server) as databases,
        ):
            database = Database(server, databases.schema_of(tmp_path))
            await check_partition(tmp_path, hosts, database, links)


async def check_partition(folder: Path, hosts: list[Host], database: Database, links: list[Link]) -> None:
    """Cut the links of the owner, let another one take over, and mend them."""
    async with dev_chain() as chain, pair(folder, chain, hosts, database) as here:
        ann, bob = here.ann, here.bob
        balance = await chain.node.balance("1.2.7")
        await chain.control("stall", True)
        jobs = await sign_up(ann, "before-1")
        await ann.job(jobs[0], until="broadcast")
        for link in links:
            ann.host.cut(link)
        jobs += await sign_up(bob, "during-1", "during-2")
        assert await bob.sees_owner("bob") == 2
        await chain.control("stall", False)
        await done(bob, jobs)
        sent = len(here.by_ann.broadcasts)
        for link in links:
            ann.host.mend(link)
        await ann.logged('event="lease lost" owner=ann epoch=1')
        assert await ann.sees_owner("bob") == 2
        await done(ann, await sign_up(ann, "after-1"))
        assert len(here.by_ann.broadcasts) == sent
        writes = here.audit.writes()
        assert strays(writes) == []
        assert {(each.epoch, each.writer) for each in writes} == {(1, "ann"), (2, "bob")}
        known = recorded(folder)
        assert {transaction["signatures"][0] for transaction in here.by_ann.broadcasts} <= known
        await check_totals(folder, chain, ["before-1", "during-1", "during-2", "after-1"], balance)
