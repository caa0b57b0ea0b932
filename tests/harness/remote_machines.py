"""Faucets on machines of their own, on one ledger in PostgreSQL: each link of a machine can be cut."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from tests.harness.machines import Machine
from tests.harness.networks import NETWORKS, Host, Link
from tests.harness.postgresql import USER, Server

DATABASE_NETWORK = f"{NETWORKS[Link.DATABASE]}.0/24"  #: whence the machines come to their ledger
#: Whatever a machine's chain says is from a node of its own; clients share one address.
ON_NETWORK = {"own_nodes": [f"{NETWORKS[Link.CHAIN]}.0/24"], "restrict_ip": False}
EVERYWHERE = "0.0.0.0"  # noqa: S104  # within the network, which is this machine's alone


def listening(hosts: Sequence[Host], place: int = 0) -> str:
    """The setting of a server that these reach at that place."""
    return f"listen_addresses={','.join(host.far_end(Link.DATABASE, place) for host in hosts)}"


class Database:
    """A ledger's schema on a server that all machines reach, or on two, the second of which may take over."""

    def __init__(self, server: Server, schema: str) -> None:
        self.server = server
        self.schema = schema

    def url(self, host: Host, name: str) -> str:
        """Where the machine `name` finds it."""
        places = ",".join(host.far_end(Link.DATABASE, place) for place, _ in enumerate(self.server.folders))
        return (
            f"postgresql://{USER}@{places}/{USER}?sslmode=disable&gssencmode=disable"
            f"&application_name={name}&options=-csearch_path%3D{self.schema}"
        )

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """The rows of a query. Waits for the server as long as it stands still; raises psycopg.Error."""
        with self.server.connect(self.schema) as session, session.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(sql, parameters).fetchall()

    async def session(self, name: str, state: str) -> int | None:
        """The process of a session of the machine `name` in this state, such as idle in transaction."""
        query = "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND state = %s"
        found = await asyncio.to_thread(self.rows, query, name, state)
        return found[0]["pid"] if found else None


class RemoteMachine(Machine):
    """A faucet on a machine of its own."""

    def __init__(
        self, folder: Path, name: str, settings: dict[str, Any], *, host: Host, database: Database, chain: int
    ) -> None:
        """`chain` is the port of the node at the other end of its link."""
        own = {
            "ledger": database.url(host, name),
            "host": host.address(Link.CLIENTS),
            "witness_url": f"ws://{host.far_end(Link.CHAIN)}:{chain}",
        }
        super().__init__(folder, name, {**settings, **ON_NETWORK, **own})
        self.prefix = host.prefix
        self.host = host
        self._database = database

    async def pause_amid_a_transaction(self) -> None:
        """Stop its process while the ledger waits for the next statement of its transaction."""
        while True:
            self.send(signal.SIGSTOP)
            if await self._database.session(self.name, "idle in transaction") is not None:
                return
            self.send(signal.SIGCONT)


@contextlib.asynccontextmanager
async def remote_machines(
    hosts: Sequence[Host], folder: Path, database: Database, chain: int, *names: str, **settings: Any
) -> AsyncIterator[list[RemoteMachine]]:
    """Machines named `names`, each on a host of its own, which end with the block; none is started."""
    made = [
        RemoteMachine(folder, name, settings, host=host, database=database, chain=chain)
        for name, host in zip(names, hosts, strict=True)
    ]
    try:
        yield made
    finally:
        for machine in made:
            await machine.stop(signal.SIGKILL)
