"""A node that takes every transaction into its next block and evaluates none: `python -m bench.sink [PORT [COST]]`.

The wire is real, and all that is read but blocks is answered as the dev chain answers it; so what a faucet reaches
here is its own pace. With a COST, an operation takes so many microseconds of processor, as evaluating it would.
"""

import asyncio
import contextlib
import sys
import time
from itertools import count
from typing import Any

import msgspec
from msgspec import Raw
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chain.packing import ACCOUNT_CREATE
from devchain.apis import NUMBERS, Login
from devchain.blocks import Chain
from devchain.calls import invoke
from devchain.database import Database
from devchain.errors import NodeError
from devchain.settings import ChainParameters, DevChainSettings
from devchain.subscriptions import Subscriptions

INTERVAL = 1.0  #: seconds between blocks
MAX_FRAME = 64_000_000  #: bytes of a call
PARAMETERS = ChainParameters(maximum_transaction_size=2048)  # as on most chains: a dozen accounts in a transaction


class _Call(msgspec.Struct):
    id: int
    params: tuple[int | str, str, Raw]


class _Transaction(msgspec.Struct):
    operations: list[tuple[int, Raw]]


_read_call = msgspec.json.Decoder(_Call).decode
_read_raws = msgspec.json.Decoder(list[Raw]).decode
_read_transaction = msgspec.json.Decoder(_Transaction).decode
_encode = msgspec.json.Encoder().encode


class Sink:
    """An empty dev chain, and the transactions beside it."""

    def __init__(self, cost: float = 0.0) -> None:
        """An operation costs so many seconds of processor."""
        self._cost = cost
        self.chain = Chain(DevChainSettings(parameters=PARAMETERS), clock=time.time)
        self.subscriptions = Subscriptions()
        self._pending: list[bytes] = []
        self._blocks: dict[int, list[bytes]] = {}
        self._ids = count(1_000)

    def take(self, transaction: Raw) -> None:
        """Put it into the next block, with the ids that its operations make."""
        began = time.thread_time()
        operations = _read_transaction(transaction).operations
        results = [[1, f"1.2.{next(self._ids)}"] if kind == ACCOUNT_CREATE else [0, {}] for kind, _ in operations]
        self._pending.append(bytes(transaction)[:-1] + b',"operation_results":' + _encode(results) + b"}")
        _spend_until(began + self._cost * len(operations))

    def block(self, number: int, empty_block: dict[str, Any] | None) -> dict[str, Any] | None:
        """The block `number`, which is empty as `shown`, with its transactions."""
        if empty_block is None:
            return None
        return {**empty_block, "transactions": Raw(b"[" + b",".join(self._blocks[number]) + b"]")}

    async def produce(self) -> None:
        """Make blocks for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            pending, self._pending = self._pending, []
            block = self.chain.produce()
            self._blocks[block.number] = pending
            self.subscriptions.announce(block)

    async def converse(self, connection: ServerConnection) -> None:
        """Answer a client until it goes."""
        await Client(self, connection).converse()


class Client:
    """One connection."""

    def __init__(self, sink: Sink, connection: ServerConnection) -> None:
        self._sink = sink
        self._connection = connection
        self._database = Database(sink.chain, sink.subscriptions, self)
        self._login = Login()
        self._telling: set[asyncio.Task[None]] = set()

    def notify(self, callback: int, value: Any) -> None:
        """Send `value` for the number that the client gave."""
        task = asyncio.create_task(self._send({"method": "notice", "params": [callback, [value]]}))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def converse(self) -> None:
        """Answer until the client goes."""
        with contextlib.suppress(ConnectionClosed):
            async for frame in self._connection:
                call = _read_call(frame)
                await self._send({"id": call.id, "jsonrpc": "2.0", **await self._answer(*call.params)})
        self._sink.subscriptions.forget(self)

    async def _answer(self, api: int | str, method: str, arguments: Raw) -> dict[str, Any]:
        try:
            return {"result": await self._result(api, method, arguments)}
        except NodeError as error:
            return {"error": error.payload}

    async def _result(self, api: int | str, method: str, arguments: Raw) -> Any:
        if method == "broadcast_transaction":
            return self._sink.take(_read_raws(arguments)[0])
        plain: list[Any] = msgspec.json.decode(arguments)
        if method == "get_required_fees":
            operations, asset = plain
            return await self._database.get_required_fees(operations[:1], asset) * len(operations)
        result = invoke(self._login if api in ("login", NUMBERS["login"]) else self._database, method, plain)
        return self._sink.block(plain[0], result) if method == "get_block" else result

    async def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(ConnectionClosed):
            await self._connection.send(_encode(message).decode())


def _spend_until(end: float) -> None:
    """Keep the processor busy until this thread's clock says `end`."""
    while time.thread_time() < end:
        """Evaluating is the work of a real node."""


async def main(port: int, cost: float = 0.0) -> None:
    """Serve on `port`, 0 is any free one; an operation costs so many microseconds of processor."""
    sink = Sink(cost / 1e6)
    async with serve(sink.converse, "127.0.0.1", port, max_size=MAX_FRAME, compression=None) as server:
        print(f"sink on ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await sink.produce()


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:] or ("0",))))
