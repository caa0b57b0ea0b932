"""The server: a chain with its file, clock and clients."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve

from devchain.applied import Block
from devchain.blocks import Chain
from devchain.client import Client
from devchain.control import TestControl
from devchain.errors import NodeError
from devchain.faults import Faults
from devchain.flavours import Flavour
from devchain.journal import Journal, JournalError, read_journal
from devchain.overrides import OVERRIDES
from devchain.settings import ChainParameters, DevChainSettings
from devchain.subscriptions import Subscriptions

MAX_FRAME = 32_000_000  #: bytes; a node drops connections that send more (measured)
CLOSE_TIMEOUT = 1.0  #: seconds that a client has to say goodbye


class DevChain:
    """A small strict Graphene node on a websocket.

    Raises JournalError where its file belongs to a chain with another genesis or other parameters, or is in use.
    """

    def __init__(self, settings: DevChainSettings, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._journal = None if settings.data is None or settings.read_only else Journal(settings.data)
        with contextlib.ExitStack() as unless_loaded:
            unless_loaded.callback(self._close_journal)
            self.chain = self._load()
            unless_loaded.pop_all()
        self.faults = Faults()  #: queued faults
        self.control = TestControl(self)  #: the API `devchain`
        self.stalled = False  #: whether block production by the clock is stopped
        self._subscriptions = Subscriptions()
        self._clients: set[Client] = set()
        self._server: Server | None = None
        self._producer: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """The URL that clients connect to. Raises RuntimeError before `start`."""
        if self._server is None:
            raise RuntimeError("the dev chain is not started")
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"

    @property
    def chain_id(self) -> str:
        """The chain's id, 64 hex digits."""
        return self.chain.chain_id

    @property
    def registrar(self) -> str:
        """Name of the account that may register others."""
        return self._settings.registrar

    @property
    def registrar_wif(self) -> str:
        """The registrar's private key."""
        return self._settings.registrar_key.wif()

    async def start(self) -> None:
        """Listen, and produce blocks. Raises OSError where the address is not available."""
        host, port = self._settings.host, self._settings.port
        options: dict[str, Any] = {"max_size": MAX_FRAME, "compression": None, "close_timeout": CLOSE_TIMEOUT}
        try:
            self._server = await serve(self._serve_client, host, port, **options)
        except OSError:
            await self.stop()
            raise
        if self._settings.block_interval:
            self._producer = asyncio.create_task(self._produce_by_the_clock(), name="dev chain")

    async def stop(self) -> None:
        """Close the connections and the file. A second call does nothing."""
        if self._producer is not None:
            self._producer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._producer
        if self._server is not None:
            await close_server(self._server)
        self._close_journal()

    def produce(self) -> Block:
        """Produce a block now, record it, and announce it to subscribers."""
        block = self.chain.produce()
        stored = [entry.transaction.stored() for entry in block.transactions]
        self._record({"time": block.time, "id": block.id, "transactions": stored})
        self._subscriptions.announce(block)
        return block

    def orphan(self, blocks: int, *, keep: bool = True, reverse: bool = False) -> None:
        """Drop the newest blocks, as `Chain.orphan` does."""
        self.chain.orphan(blocks, keep=keep, reverse=reverse)
        self._record({"orphan": blocks})

    def override(self, name: str, *arguments: Any) -> None:
        """Apply the override `name` to the chain, and record it in the journal."""
        OVERRIDES[name](self.chain, *arguments)
        self._record({"intervention": name, "arguments": arguments})

    def disconnect(self) -> None:
        """Abort every connection."""
        for client in self._clients:
            client.drop()

    async def _serve_client(self, connection: ServerConnection) -> None:
        control = self.control if self._settings.faults else None
        client = Client(connection, self.chain, self._subscriptions, self.faults, control)
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)

    async def _produce_by_the_clock(self) -> None:
        """Produce a block at each slot, a multiple of the interval, as on a real chain."""
        interval = self._settings.block_interval
        slot = self._clock() // interval
        while True:
            # A timer may fire slightly early; the slot must advance all the same.
            slot = max(slot, self._clock() // interval) + 1
            await asyncio.sleep(slot * interval - self._clock())
            if not self.stalled:
                self.produce()

    def _record(self, entry: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.append(entry)

    def _close_journal(self) -> None:
        if self._journal is not None:
            self._journal.close()

    def _load(self) -> Chain:
        """The chain replayed from its file, or a new one."""
        entries = read_journal(self._settings.data) if self._settings.data is not None else []
        chain = self._replay(entries) if entries else Chain(self._settings, clock=self._clock)
        if self._journal is not None:
            self._journal.repair()
        if not entries:
            self._record({"chain_id": chain.chain_id, "time": chain.head_time, **self._header()})
        return chain

    def _replay(self, entries: Sequence[dict[str, Any]]) -> Chain:
        first = entries[0]
        if _header_of(first) != self._header():
            text = "holds a dev chain that began with other settings: use those again, or another file"
            raise JournalError(f"{self._settings.data} {text}")
        chain = Chain(self._settings, clock=self._clock, chain_id=first["chain_id"], start=first["time"])
        try:
            for entry in entries[1:]:
                _apply(chain, entry)
        except NodeError as error:
            raise JournalError(f"{self._settings.data} holds a block that can't be: {error}") from error
        return chain

    def _header(self) -> dict[str, Any]:
        return {"genesis": self._settings.genesis, "parameters": asdict(self._settings.parameters)}


async def close_server(server: Server) -> None:
    """Close `server` and its connections. A second call does nothing.

    A connection that asyncio accepted just before would be lost, and stay open: its transport is made an iteration of
    the event loop later, which fails once the server is closed (https://github.com/python/cpython/issues/109564). So
    nothing is accepted any more, and the iteration passes, before the server is closed.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    await asyncio.sleep(0)
    server.close()
    await server.wait_closed()


def _header_of(first: dict[str, Any]) -> dict[str, Any]:
    """The first line of the journal, with defaults for settings that are newer than it."""
    genesis, parameters = first.get("genesis"), first.get("parameters")
    if isinstance(genesis, dict):
        genesis = {"flavour": Flavour.PEERPLAYS, **genesis}
    if isinstance(parameters, dict):
        parameters = {**asdict(ChainParameters()), **parameters}
    return {"genesis": genesis, "parameters": parameters}


def _apply(chain: Chain, entry: dict[str, Any]) -> None:
    """Apply a line of the journal again."""
    match entry:
        case {"orphan": blocks}:
            chain.orphan(blocks, keep=False)
        case {"intervention": name, "arguments": arguments}:
            OVERRIDES[name](chain, *arguments)
        case {"time": block_time, "id": block_id, "transactions": transactions}:
            chain.replay_block(block_time, block_id, transactions)
