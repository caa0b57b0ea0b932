"""A dev chain with two accounts and a payment behind a relay, for the tests of the relay itself."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import connect

from chain.node import Node
from chain.open_link import open_link
from devchain import DevChain
from tests.harness.dev_chain import (
    Client,
    new_dev_chain,
    payment,
    register,
    registration,
    signed,
)
from tests.harness.lying.relay import Relay

ALICE, BOB = "1.2.10", "1.2.11"
PAID_IN = 2  #: the block of the payment; ALICE and BOB are registered in block 2 too
PAYMENT = 150_000


@dataclass
class RelayedChain:
    """A dev chain with two accounts and a payment, a relay before it, and a client of the relay."""

    chain: DevChain
    relay: Relay
    client: Client

    async def get(self, method: str, *arguments: Any) -> Any:
        return await self.client.get(0, method, *arguments)

    async def block(self, number: int) -> Any:
        return await self.get("get_block", number)

    async def head(self) -> Any:
        return await self.get("get_dynamic_global_properties")

    async def broadcast(self, transaction: dict[str, Any]) -> dict[str, Any]:
        return await self.client.ask("network_broadcast", "broadcast_transaction", transaction)

    def registration(self, name: str) -> dict[str, Any]:
        return signed(self.chain.chain, registration(self.chain.chain, name))


@contextlib.asynccontextmanager
async def relayed_chain(*, blocks: int = 10) -> AsyncIterator[RelayedChain]:
    chain = new_dev_chain()
    register(chain.chain, "alice-1", "bob-1")
    chain.chain.push(signed(chain.chain, payment(chain.chain, PAYMENT, receiver=ALICE)))
    chain.control.produce(blocks)
    await chain.start()
    try:
        async with Relay(chain.url) as relay, client_of(relay.url) as client:
            yield RelayedChain(chain, relay, client)
    finally:
        await chain.stop()


@contextlib.asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Client]:
    async with connect(url, max_size=None, proxy=None, ping_interval=None, compression=None) as socket:
        yield Client(socket)


@contextlib.asynccontextmanager
async def node_at(url: str) -> AsyncIterator[Node]:
    """A node by the faucet's own client."""
    async with open_link([url], timeout=5) as link:
        yield Node(link.call)
