"""A dev chain that produces blocks on demand, transactions for it, and a client that sends frame by frame."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect

from chain.keys import PrivateKey, format_public_key
from chain.packing import Operation
from chain.transactions import RefBlock, account_create, pack, sign, transaction_id, transfer, with_fee
from devchain import ChainParameters, DevChain, DevChainSettings, Flavour
from devchain.blocks import Chain
from devchain.errors import NodeError
from devchain.operations import read_operation
from devchain.settings import published_key

START = 1_700_000_000
REGISTRAR, REFERRER, PLAIN = "1.2.7", "1.2.8", "1.2.9"
REGISTRAR_KEY = published_key("registrar")
#: Prefix and symbol are those of the chain that tests/data was recorded on.
SETTINGS = DevChainSettings(block_interval=0, faults=True, symbol="PPY", prefix="PPY")
BITSHARES = DevChainSettings(block_interval=0, faults=True, flavour=Flavour.BITSHARES)
SOMEBODY_KEY = published_key("somebody")
SOMEBODY = format_public_key(SOMEBODY_KEY.public, SETTINGS.prefix)


def new_dev_chain(settings: DevChainSettings = SETTINGS, *, blocks: int = 1, **parameters: Any) -> DevChain:
    """A dev chain with some empty blocks, which makes more only when told to."""
    changed = replace(settings, parameters=replace(ChainParameters(), **parameters))
    dev_chain = DevChain(changed, clock=lambda: START)
    dev_chain.control.produce(blocks)
    return dev_chain


def new_chain(*, blocks: int = 1, **parameters: Any) -> Chain:
    """Just the chain of such a dev chain."""
    return new_dev_chain(blocks=blocks, **parameters).chain


def registration(chain: Chain, name: str, *, fee: int | None = None, **changes: Any) -> Operation:
    """An account_create by the registrar, with the fee that it costs now."""
    key = format_public_key(SOMEBODY_KEY.public, chain.settings.prefix)
    fields: dict[str, Any] = {
        "registrar": REGISTRAR,
        "referrer": REGISTRAR,
        "referrer_percent": 0,
        "owner_key": key,
        "active_key": key,
        "memo_key": key,
    }
    return paying(chain, account_create(name=name, **{**fields, **changes}), fee)


def payment(chain: Chain, amount: int, *, sender: str = REGISTRAR, receiver: str = PLAIN) -> Operation:
    """A transfer with the fee that it costs now."""
    return paying(chain, transfer(sender=sender, receiver=receiver, amount=amount))


def paying(chain: Chain, operation: Operation, fee: int | None = None) -> Operation:
    """`operation` with `fee`, or what it costs now."""
    if fee is None:
        fee = chain.evaluator.required_fee(read_operation(operation, chain.settings.prefix)[0])
    return with_fee(operation, fee)


def signed(
    chain: Chain, *operations: Operation, key: PrivateKey = REGISTRAR_KEY, expires: int = 60, **changes: Any
) -> dict[str, Any]:
    """A transaction that refers to the head and expires after so many seconds; `changes` as `sign` takes them."""
    fields: dict[str, Any] = {
        "ref_block": RefBlock(chain.head_number, chain.head_id),
        "expiration": chain.head_time + expires,
        "chain_id": chain.chain_id,
        "prefix": chain.settings.prefix,
        "key": key,
    }
    body: dict[str, Any] = msgspec.json.decode(sign(operations, **{**fields, **changes}).body)
    return body


def register(chain: Chain, *names: str) -> list[str]:
    """Push a transaction that registers `names`; the ids."""
    entry = chain.push(signed(chain, *(registration(chain, name) for name in names)))
    return [result[1] for result in entry.results]


def account_names(chain: Chain) -> list[str]:
    """The accounts made after genesis, by id."""
    made = [account for account_id, account in chain.state.accounts.items() if int(account_id[4:]) > 9]
    return [account["name"] for account in sorted(made, key=lambda account: int(account["id"][4:]))]


def assert_serialised(chain: Chain, transaction: dict[str, Any]) -> None:
    """The chain gives `transaction`, with one signature, the id and size of its bytes as the faucet packs them."""
    entry = chain.push(transaction)
    packed = pack(transaction, chain.settings.prefix)
    assert entry.transaction.id == transaction_id(packed)
    assert entry.transaction.size == len(packed) + 1 + 65


def refusal(chain: Chain, transaction: dict[str, Any]) -> dict[str, Any]:
    """The error that the chain answers `transaction` with; nothing has changed by it."""
    before = snapshot(chain)
    try:
        chain.push(transaction)
    except NodeError as error:
        assert snapshot(chain) == before
        return error.payload
    raise AssertionError("the chain took it")


def text_of(error: dict[str, Any]) -> str:
    """The source text of the failed assertion."""
    text: str = error["data"]["stack"][0]["format"]
    return text


def snapshot(chain: Chain) -> Any:
    """The chain's whole state, as comparable values."""
    state = chain.state
    tables = (state.accounts, state.ids, state.balances, state.numbers)
    blocks = [(block.id, block.time, [entry.as_json for entry in block.transactions]) for block in chain.blocks]
    pending = [entry.as_json for entry in chain.pending]
    return msgspec.json.encode([*tables, sorted(state.transactions), blocks, pending, chain.irreversible])


class Client:
    """Speaks to a node over a websocket, one frame at a time."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._ids = count(1)
        self.notices: list[Any] = []  #: received between the replies

    async def ask(self, api: int | str, method: str, *arguments: Any) -> dict[str, Any]:
        """The reply to a call."""
        number = next(self._ids)
        await self.send({"id": number, "method": "call", "params": [api, method, list(arguments)]})
        reply = await self.receive()
        assert reply["id"] == number
        return reply

    async def get(self, api: int | str, method: str, *arguments: Any) -> Any:
        """The result of a call that succeeds."""
        reply = await self.ask(api, method, *arguments)
        assert "error" not in reply, reply["error"]["message"]
        return reply["result"]

    async def send(self, message: Any) -> None:
        """Send a frame."""
        await self.socket.send(msgspec.json.encode(message).decode())

    async def receive(self) -> dict[str, Any]:
        """The next frame that is no notice."""
        while True:
            message: dict[str, Any] = msgspec.json.decode(await self.socket.recv())
            if message.get("method") != "notice":
                return message
            self.notices.append(message["params"])

    async def notice(self) -> Any:
        """The next notice: [callback, [value]]."""
        while not self.notices:
            message = msgspec.json.decode(await self.socket.recv())
            assert message["method"] == "notice"
            self.notices.append(message["params"])
        return self.notices.pop(0)


@contextlib.asynccontextmanager
async def serving(dev_chain: DevChain) -> AsyncIterator[Client]:
    """A client of `dev_chain`, which serves as long as the block lasts."""
    await dev_chain.start()
    try:
        async with connected(dev_chain) as client:
            yield client
    finally:
        await dev_chain.stop()


@contextlib.asynccontextmanager
async def connected(dev_chain: DevChain) -> AsyncIterator[Client]:
    """One more client."""
    async with connect(dev_chain.url, max_size=None, proxy=None, ping_interval=None) as socket:
        yield Client(socket)


def frames_of(error: dict[str, Any]) -> Sequence[tuple[str, str, str]]:
    """Method, file and text of each stack frame; tests/data has the frames, and some stacks, shortened."""
    frames = [frame for frame in error["data"]["stack"] if isinstance(frame, dict)]
    contexts = [(frame.get("context", frame), frame["format"]) for frame in frames]
    return [(context["method"], context["file"], text) for context, text in contexts]
