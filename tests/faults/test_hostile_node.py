"""The real program behind a node that sends as much as it can of what takes the most memory."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chain.connection import MAX_FRAME
from chain.packing import ACCOUNT_CREATE, TRANSFER
from chain.protocol import MAX_VALUES
from chain.transactions import account_create
from devchain.blocks import Chain
from devchain.calls import invoke
from devchain.database import Database
from devchain.settings import DevChainSettings
from devchain.subscriptions import Subscriptions
from tests.harness.program import Faucet, faucet, keys_of

MEGABYTE = 1024 * 1024
MAX_MEMORY = 300 * MEGABYTE  #: that the program may take, whatever a node sends
LARGE = MAX_FRAME - 1_000_000  #: bytes of a reply that is taken
BLOCKS = 60  #: of the chain, all but ten of them reversible, so that they are read
FLOOD = 20  #: large frames that nobody asked for, after each subscription
ENOUGH = 70  #: large frames in all, after which a test ends
REGISTRAR = "1.2.7"

#: What is sent instead of the honest reply to a method: the transactions of a block, or a result or an error with its
#: name. None leaves the honest one.
Lie = Callable[[str], bytes | None]


def filled(start: bytes, piece: bytes, end: bytes) -> bytes:
    """A reply of the largest accepted size: as many of `piece`, which ends in a comma, as fit, and spaces."""
    values = sum(map(piece.count, (b",", b"[", b"{")))
    pieces = (piece * min(LARGE // len(piece), (MAX_VALUES - 10) // values))[:-1]
    return start + pieces + b" " * (LARGE - len(pieces)) + end


def block_of(*operations: tuple[int, bytes], result: bytes = b'[1,"1.2.99"]') -> bytes:
    """The transactions of a large block, each of `operations`."""
    pairs = b",".join(b"[%d,%s]" % operation for operation in operations)
    results = b",".join([result] * len(operations))
    head = b'{"ref_block_num":1,"ref_block_prefix":1,"expiration":"2026-01-01T00:00:00","signatures":["'
    whole = head + b"1f" * 65 + b'"],"operations":[' + pairs + b'],"operation_results":[' + results + b"]},"
    return filled(b"[", whole, b"]")


def registration() -> bytes:
    """The body of an account_create by the registrar."""
    keys = keys_of("somebody")
    operation = account_create(
        registrar=REGISTRAR, referrer=REGISTRAR, referrer_percent=0, name="somebody-1", fee=514_941, **keys
    )
    return msgspec.json.encode(operation[1])


AMOUNT = b'{"amount":1,"asset_id":"1.3.0"}'
PAYMENT = b'{"fee":%s,"from":"%s","to":"1.2.9","amount":%s,"extensions":[]}' % (AMOUNT, REGISTRAR.encode(), AMOUNT)
NESTED = b'{"a":' * 100 + b"1" + b"}" * 100

LADEN = PAYMENT[:-1] + b',"memo":[%s1]}'  #: with a memo that has something in it


def large_blocks() -> list[bytes]:
    """The transactions of valid but large blocks."""
    return [
        block_of(*[(ACCOUNT_CREATE, registration())] * 12),
        block_of(*[(ACCOUNT_CREATE, registration())] * 13_000),
        block_of(*[(TRANSFER, PAYMENT)] * 50, result=b"[0,{}]"),
        block_of((TRANSFER, LADEN % (NESTED + b",")), result=b"[0,{}]"),
        block_of((TRANSFER, LADEN % ((NESTED + b",") * 9_000)), result=b"[0,{}]"),
        block_of(*[(1, b"{}")] * 50, result=b"[0,{}]"),
    ]


def large_replies() -> list[bytes]:
    """Malformed results and errors."""
    pieces = (b'"a",', b'["a-1","1.2.7"],', b"null,", b'{"a":1},', NESTED + b",")
    return [
        b'"result":"%s"' % (b"x" * LARGE),
        *(b'"result":' + filled(b"[", piece, b"]") for piece in pieces),
        b'"result":[%s1]' % (b"{}," * MAX_VALUES),
        b'"error":' + filled(b'{"data":[', NESTED + b",", b"]}"),
        b'"error":{"data":[' + (NESTED + b",") * 3_000 + b"1]}",
    ]


def lying_about_blocks() -> Lie:
    lies = cycle(large_blocks())
    return lambda method: next(lies) if method == "get_block" else None


def lying_about_all_else() -> Lie:
    """Every third reply to each method, so that the node is used again and again."""
    lies, calls = cycle(large_replies()), Counter[str]()

    def lie(method: str) -> bytes | None:
        calls[method] += 1
        is_honest = method in {"set_block_applied_callback", "get_chain_properties", "get_block"} or calls[method] % 3
        return None if is_honest else next(lies)

    return lie


class HostileNode:
    """A dev chain that drops every transaction and sends a hostile reply now and then."""

    def __init__(self, lie: Lie) -> None:
        self._lie = lie
        self._flood_of = filled(b"[", NESTED + b",", b"]")
        self._chain = Chain(DevChainSettings(irreversible_lag=BLOCKS - 10), clock=time.time)
        for _ in range(BLOCKS):
            self._chain.produce()
        self.large = 0  #: frames that were sent
        self._progress = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async with serve(self._converse, "127.0.0.1", 0, compression=None, max_size=MAX_FRAME) as server:
            yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def sent(self, frames: int) -> None:
        """Wait until so many large frames have been sent."""
        async with self._progress:
            await self._progress.wait_for(lambda: self.large >= frames)

    async def _converse(self, socket: ServerConnection) -> None:
        flood: asyncio.Task[None] | None = None
        with contextlib.suppress(ConnectionClosed):
            async for frame in socket:
                request = msgspec.json.decode(frame)
                api, method, arguments = request["params"]
                await self._send(
                    socket, b'{"id":%d,' % request["id"] + await self._answer(api, method, arguments) + b"}"
                )
                if method == "set_block_applied_callback":
                    flood = asyncio.create_task(self._flood(socket, arguments[0]))
        if flood is not None:
            flood.cancel()

    async def _answer(self, api: int | str, method: str, arguments: list[Any]) -> bytes:
        lie = self._lie(method)
        if lie is not None and method == "get_block":
            block = invoke(self._database, method, arguments)
            return b'"result":' + msgspec.json.encode({**(block or {}), "transactions": msgspec.Raw(lie)})
        if lie is not None:
            return lie
        if api == "network_broadcast":
            return b'"result":null'
        result = invoke(self._database, method, arguments)
        return b'"result":' + msgspec.json.encode(await result if method == "get_required_fees" else result)

    @property
    def _database(self) -> Database:
        return Database(self._chain, Subscriptions(), self)

    def notify(self, callback: int, value: Any) -> None:
        """Announce nothing: the flood does."""

    async def _flood(self, socket: ServerConnection, callback: int) -> None:
        with contextlib.suppress(ConnectionClosed):
            for turn in range(FLOOD):
                notice = b'{"method":"notice","params":[%d,[%s]]}' % (callback, self._flood_of)
                await self._send(socket, notice if turn % 2 else b'{"id":4000000000,"result":%s}' % self._flood_of)

    async def _send(self, socket: ServerConnection, frame: bytes) -> None:
        await socket.send(frame, text=True)
        if len(frame) > MEGABYTE:
            self.large += 1
            async with self._progress:
                self._progress.notify_all()


def peak(service: Faucet) -> int:
    """The faucet's peak memory, bytes."""
    lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


@pytest.mark.parametrize("lie", [lying_about_blocks, lying_about_all_else])
async def test_hostile_node_cannot_exhaust_memory_or_stop_replies(lie: Callable[[], Lie], tmp_path: Path) -> None:
    node = HostileNode(lie())
    async with node.serving() as url, faucet(tmp_path, url, node_timeout=30) as service:
        for name in ("alice-1", "bob-1"):
            assert (await service.sign_up(name)).status == 200
        sent = asyncio.create_task(node.sent(ENOUGH))
        while not sent.done():
            assert (await service.fetch("/healthz")).status == 200
        assert peak(service) < MAX_MEMORY
