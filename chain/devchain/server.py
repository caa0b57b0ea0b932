"""The dev chain on a websocket."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from chain.devchain import errors
from chain.devchain.api import Api
from chain.devchain.blocks import Block, Chain
from chain.devchain.control import Control
from chain.devchain.faults import Do, Fault, Faults
from chain.devchain.journal import Journal
from chain.devchain.settings import DevChainSettings

log = logging.getLogger("faucet.devchain")

FRAME_MOST = 32_000_000
CONTROL = "devchain"  #: the name of the API that steers

Subscription = tuple[ServerConnection, int]


class DevChain:
    """A small strict Graphene node: one chain, its file, its clients."""

    def __init__(self, settings: DevChainSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._journal = None if settings.data is None else Journal(settings.data)
        self.chain = self._load(clock)
        self.faults = Faults()
        self.stalled = False  #: no blocks are made by the clock
        self._api = Api(self.chain)
        self._control = Control(self)
        self._subscriptions: set[Subscription] = set()
        self._inclusions: dict[str, list[Subscription]] = {}  # who waits for which transaction to be in a block
        self._connections: set[ServerConnection] = set()
        self._replies: set[asyncio.Task[None]] = set()
        self._server: Server | None = None
        self._producer: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        if self._server is None:
            raise RuntimeError("the dev chain is not started")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"

    @property
    def registrar(self) -> str:
        """Name of the account that may register others."""
        return self._settings.registrar

    @property
    def registrar_wif(self) -> str:
        """The registrar's private key."""
        return self._settings.registrar_key.wif()

    async def start(self) -> None:
        """Listen, and make blocks. Raises OSError where the address can't be had."""
        self._server = await serve(
            self._converse,
            self._settings.host,
            self._settings.port,
            max_size=FRAME_MOST,
            compression=None,
        )
        if self._settings.block_interval:
            self._producer = asyncio.create_task(self._produce(), name="dev chain")

    async def stop(self) -> None:
        """Close the connections and the file. A second call does nothing."""
        for task in [*self._replies, *([self._producer] if self._producer else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._journal is not None:
            self._journal.close()

    def produce(self) -> Block:
        """Make a block now, and tell whoever wants to know."""
        block = self.chain.produce()
        self._record({"time": block.time, "id": block.id, "transactions": [t.body for t in block.transactions]})
        self._announce(block)
        return block

    def orphan(self, blocks: int, *, keep: bool = True, reverse: bool = False) -> None:
        """Forget the last blocks."""
        self.chain.orphan(blocks, keep=keep, reverse=reverse)
        self._record({"orphan": blocks})

    def change_parameters(self, **changes: Any) -> None:
        """Change chain parameters by name."""
        self.chain.change_parameters(replace(self.chain.parameters, **changes))

    def disconnect(self) -> None:
        """Drop every connection, without a word."""
        for connection in self._connections:
            connection.transport.abort()

    def _load(self, clock: Callable[[], float]) -> Chain:
        """The chain as its file has it; a new one where there is none."""
        entries = iter(self._journal.read() if self._journal else ())
        first = next(entries, None)
        if first is None:
            chain = Chain(self._settings, clock=clock)
            if self._journal:
                self._journal.append({"chain_id": chain.chain_id, "time": chain.head_time})
            return chain
        chain = Chain(replace(self._settings, chain_id=first["chain_id"]), clock=clock, start=first["time"])
        for entry in entries:
            chain.replay(entry)
        return chain

    def _record(self, entry: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.append(entry)

    async def _produce(self) -> None:
        """Make a block at each interval, aligned to the wall clock as a real chain's slots are."""
        interval = self._settings.block_interval
        while True:
            await asyncio.sleep(interval - time.time() % interval)
            if not self.stalled:
                self.produce()

    def _announce(self, block: Block) -> None:
        for connection, callback in list(self._subscriptions):
            self._reply_later(connection, {"method": "notice", "params": [callback, [block.id]]})
        for position, entry in enumerate(block.transactions):
            notice = {"id": entry.id, "block_num": block.number, "trx_num": position, "trx": entry.body}
            for connection, callback in self._inclusions.pop(entry.id, []):
                self._reply_later(connection, {"method": "notice", "params": [callback, [notice]]})

    def _reply_later(self, connection: ServerConnection, message: dict[str, Any], delay: float = 0.0) -> None:
        task = asyncio.create_task(self._send(connection, msgspec.json.encode(message), delay))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    async def _send(self, connection: ServerConnection, frame: bytes, delay: float = 0.0) -> None:
        if delay:
            await asyncio.sleep(delay)
        with contextlib.suppress(ConnectionClosed):
            await connection.send(frame, text=True)

    async def _converse(self, connection: ServerConnection) -> None:
        """Answer one client until it goes away."""
        self._connections.add(connection)
        try:
            async for frame in connection:
                call = _read_call(frame)
                if call is not None:
                    await self._answer(connection, *call)
        except ConnectionClosed:
            pass
        finally:
            self._connections.discard(connection)
            self._subscriptions = {entry for entry in self._subscriptions if entry[0] is not connection}

    async def _answer(
        self, connection: ServerConnection, number: int, api: Any, method: str, arguments: list[Any]
    ) -> None:
        fault = None if api == CONTROL else self.faults.take(method)
        if fault is not None and fault.do is Do.DROP_BEFORE:
            connection.transport.abort()
            return
        reply = {"id": number, "jsonrpc": "2.0"}
        try:
            if fault is not None and fault.do is Do.REFUSE:
                reply["error"] = fault.error
            else:
                reply["result"] = self._call(connection, api, method, arguments)
        except errors.NodeError as error:
            reply["error"] = error.payload
        if fault is None:
            await self._send(connection, msgspec.json.encode(reply))
        else:
            await self._answer_wrongly(connection, reply, fault)

    async def _answer_wrongly(self, connection: ServerConnection, reply: dict[str, Any], fault: Fault) -> None:
        match fault.do:
            case Do.DROP_AFTER:
                connection.transport.abort()
            case Do.LATE:
                self._reply_later(connection, reply, fault.seconds)
            case Do.GARBAGE:
                await self._send(connection, b"no JSON at all")
            case Do.WRONG_ID:
                await self._send(connection, msgspec.json.encode({**reply, "id": reply["id"] + 1_000_000}))
            case Do.WRONG_TYPE:
                await self._send(connection, msgspec.json.encode({**reply, "result": {"unexpected": True}}))
            case Do.HUGE_REPLY:
                await self._send(connection, msgspec.json.encode({**reply, "result": "x" * 10_000_000}))
            case Do.REFUSE:
                await self._send(connection, msgspec.json.encode(reply))

    def _call(self, connection: ServerConnection, api: Any, method: str, arguments: list[Any]) -> Any:
        """The result of a call. Raises NodeError."""
        if method == "set_block_applied_callback":
            self._subscriptions.add((connection, arguments[0]))
            return None
        if method == "broadcast_transaction_with_callback":
            transaction_id = self.chain.push(arguments[1])
            self._inclusions.setdefault(transaction_id, []).append((connection, arguments[0]))
            return None
        is_control = api == CONTROL and self._settings.faults
        found = self._control.method(method) if is_control else self._api.method(method)
        if found is None:
            text = "itr != _by_name.end(): no method with name '${name}'"
            raise errors.assertion(text, method="call", file="api_connection.hpp", name=method)
        try:
            return found(*arguments)
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            raise errors.bad_cast(type(error).__name__) from error


def _read_call(frame: str | bytes) -> tuple[int, Any, str, list[Any]] | None:
    """Number, API, method and arguments of a call; None for what a node leaves without an answer."""
    try:
        message = msgspec.json.decode(frame)
    except msgspec.DecodeError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("id"), int):
        return None
    parameters = message.get("params")
    if message.get("method") != "call":
        return message["id"], 0, str(message.get("method")), parameters if isinstance(parameters, list) else []
    if not isinstance(parameters, list) or len(parameters) != 3 or not isinstance(parameters[2], list):
        return message["id"], 0, "", []
    return message["id"], parameters[0], str(parameters[1]), parameters[2]
