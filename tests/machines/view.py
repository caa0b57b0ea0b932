"""A line that says how all is doing, taken from outside: the clients, the chain, the faucets, Patroni."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from chain.node import Node
from chain.packing import ACCOUNT_CREATE
from tests.harness.machines import Machine
from tests.harness.patroni import Cluster
from tests.harness.steady_signups import SteadySignups

TIMEOUT = 0.5  #: seconds until a machine counts as silent


class View:
    """Looks at them."""

    def __init__(self, node: Node, cluster: Cluster, machines: Sequence[Machine]) -> None:
        self._node = node
        self._cluster = cluster
        self._machines = machines
        self._head = 0
        self._registered = 0

    async def line(self, signups: SteadySignups) -> str:
        """How all is doing now."""
        owner, primary, registered = await asyncio.gather(self._owner(), self._primary(), self._count_registered())
        repeated = signups.statuses.total() - signups.statuses[200]
        return (
            f"accepted {len(signups.jobs):4}  repeated {repeated:3}  registered {registered:4}  "
            f"owner {owner:<19} primary {primary}"
        )

    async def _owner(self) -> str:
        """Whom most machines that answer call the owner."""
        answers = await asyncio.gather(*(self._owner_by(machine) for machine in self._machines))
        ((most, _),) = Counter(answer for answer in answers if answer is not None).most_common(1) or [("?", 0)]
        return most

    async def _owner_by(self, machine: Machine) -> str | None:
        try:
            reply = await AsyncHTTPClient().fetch(
                f"{machine.url}/readyz", raise_error=False, request_timeout=TIMEOUT, connect_timeout=TIMEOUT
            )
            owner = msgspec.json.decode(reply.body)["owner"]
        except (OSError, HTTPClientError, msgspec.DecodeError, KeyError):
            return None
        return f"{owner['machine'] or 'nobody'} (epoch {owner['epoch']})"

    async def _primary(self) -> str:
        for database in self._cluster.databases:
            if await asyncio.to_thread(database.is_primary):
                return database.name
        return "none"

    async def _count_registered(self) -> int:
        """Accounts in blocks, of which only new ones are read."""
        head = await self._node.head()
        blocks = await self._node.blocks(range(self._head + 1, head.number + 1))
        self._head += len(blocks)
        operations = (kind for block in blocks for entry in block.transactions for kind, _ in entry.operations)
        self._registered += sum(kind == ACCOUNT_CREATE for kind in operations)
        return self._registered
