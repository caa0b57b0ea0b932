"""Everything that a run disturbs: machines, their links, PostgreSQL, a chain, and their clients."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.disturbances import Disturbances
from tests.chaos.load import Load
from tests.chaos.machines.disturbances import DatabaseDisturbances, MachineDisturbances
from tests.chaos.machines.fleet import Fleet
from tests.chaos.machines.schedule import LEASE
from tests.chaos.run import SETTINGS
from tests.chaos.schedule import wishes
from tests.harness.ledger_audit import LedgerAudit
from tests.harness.networks import Host, private_network
from tests.harness.postgresql import Server, serving
from tests.harness.program import Faucet, on_chain
from tests.harness.remote_machines import (
    DATABASE_NETWORK,
    EVERYWHERE,
    Database,
    RemoteMachine,
    listening,
    remote_machines,
)
from tests.harness.standby import Standby, following, replicate

NAMES = ("ann", "bob", "cyd", "dan", "eve", "fay", "gus", "hal")
COMMAND_TIMEOUT = 60  #: seconds that a command bears with a node which nothing is done to, however busy this machine is
#: All machines share the processors of one: a full batch must reach a block before it expires all the same.
ENDURING = {"node_timeout": 3, "transaction_expiration": 40}


@dataclass(frozen=True)
class Scale:
    """How much of everything."""

    machines: int = 3
    signups: int = 20_000
    disturbances: int = 200  #: of machines, at the least: they go on until all signups are posted
    clients: int = 200  #: that post at the same time
    machine_pause: float = 6.0  #: seconds between two disturbances of machines, at most
    database_pause: float = 20.0  #: … of PostgreSQL
    chain_pause: float = 6.0  #: … of the chain
    block_interval: float = 0.5  #: seconds
    standby: bool = False  #: whether a standby follows PostgreSQL, which takes over in the middle of the run


@dataclass(frozen=True)
class Site:
    """All of it, and what disturbs each part."""

    fleet: list[RemoteMachine]
    machines: MachineDisturbances
    server: DatabaseDisturbances
    chain: Disturbances
    database: Database
    audit: LedgerAudit
    load: Load
    desk: Faucet  #: what commands are given: it reaches the ledger and the chain whatever link is cut


@contextlib.asynccontextmanager
async def site(folder: Path, seed: int, scale: Scale) -> AsyncIterator[Site]:
    """All of it until the block ends; the machines are not started yet."""
    fleet = Fleet()
    load = Load(fleet, wishes(seed, scale.signups), clients=scale.clients)
    settings = on_chain("", **SETTINGS | ENDURING, lease_seconds=LEASE)
    with _servers(folder, scale) as (hosts, server, standby):
        database = Database(server, server.new_schema())
        audit = LedgerAudit(database)
        journal, interval = folder / "chain.journal", scale.block_interval
        async with Disturbances(journal, load.upcoming, host=EVERYWHERE, interval=interval) as chain:
            port = int(chain.url.rsplit(":", 1)[1])
            near = {"ledger": server.url(database.schema), "witness_url": chain.url, "node_timeout": COMMAND_TIMEOUT}
            desk = Faucet(folder, settings | near)
            names = NAMES[: scale.machines]
            async with remote_machines(hosts, folder, database, port, *names, **settings) as machines:
                fleet.machines = machines
                yield Site(
                    fleet=machines,
                    machines=MachineDisturbances(machines, audit, seed),
                    server=DatabaseDisturbances(server, standby, audit),
                    chain=chain,
                    database=database,
                    audit=audit,
                    load=load,
                    desk=desk,
                )


@contextlib.contextmanager
def _servers(folder: Path, scale: Scale) -> Iterator[tuple[list[Host], Server, Standby | None]]:
    """Hosts for the machines, PostgreSQL, and its standby if there is one."""
    with contextlib.ExitStack() as stack:
        network = stack.enter_context(private_network(folder))
        hosts = [network.host() for _ in range(scale.machines)]
        server = stack.enter_context(serving(listening(hosts), admitted=DATABASE_NETWORK))
        standby = stack.enter_context(following(server, listening(hosts, 1))) if scale.standby else None
        if standby is not None:
            replicate(server, standby)
        yield hosts, server, standby
