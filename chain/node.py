"""The calls that the faucet makes, with typed results."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise, takewhile

import msgspec

from chain import replies
from chain.blocks import Block, BlockTransaction, read_block, size_of
from chain.dialect import RESERVED_ENDINGS, Cause
from chain.errors import BadReply, Refused
from chain.link import Call
from chain.objects import Account, Asset, Authority, Head, Parameters, account_from, head_from, parameters_from
from chain.operations import Operations
from chain.packing import Operation
from chain.replies import decode
from chain.transactions import CORE_ASSET

__all__ = [
    "Account",
    "Asset",
    "Authority",
    "Block",
    "BlockTransaction",
    "Head",
    "Node",
    "Operations",
    "Parameters",
]

MAX_BLOCKS = 8_000_000  #: bytes of JSON of the blocks in memory at once; two are allowed whatever their size
MAX_NAMES = 1000  #: names in one lookup
MAX_INSTANCE = 2**48 - 1  #: the last number of an object's id (object_id.hpp): a node refuses a larger one
BLOCKS_IN_FLIGHT = 16  #: concurrent reads of blocks
UNKNOWN_METHOD = "is_this_api_offered"  #: a method that no API has, to probe for an API
_Named = replies.AccountObject | replies.NamedObject


class Node:
    """Typed calls over a link. Each raises LinkError without a usable reply, Refused for an error reply."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def chain_id(self) -> str:
        """The chain's id, 64 hex digits."""
        return decode(await self._call("database", "get_chain_properties", []), replies.ChainProperties).chain_id

    async def prefix(self) -> str:
        """What public keys begin with on this chain."""
        return decode(await self._call("database", "get_config", []), replies.Config).prefix

    async def reserved_ending(self) -> str | None:
        """The ending that names may not have on this chain; None where there is none.

        It is recognised by a genesis account, whose id nobody can register.
        """
        ids = [each.account_id for each in RESERVED_ENDINGS]
        reply = decode(await self._call("database", "get_objects", [ids]), list[replies.NamedObject | None])
        _require(len(reply) == len(ids), "looked up another number of accounts")
        found = {(account.id, account.name) for account in reply if account is not None}
        return next((each.ending for each in RESERVED_ENDINGS if (each.account_id, each.account_name) in found), None)

    async def core_asset(self) -> Asset:
        """The asset that fees are paid in."""
        (found,) = decode(await self._call("database", "get_objects", [[CORE_ASSET]]), tuple[replies.AssetObject])
        return Asset(found.symbol, found.precision)

    async def head(self) -> Head:
        """The chain's head now."""
        reply = await self._call("database", "get_dynamic_global_properties", [])
        return head_from(decode(reply, replies.DynamicProperties))

    async def parameters(self) -> Parameters:
        """The chain's parameters now; the fees change when the fee scale steps up."""
        reply = await self._call("database", "get_global_properties", [])
        return parameters_from(decode(reply, replies.GlobalProperties).parameters)

    async def accounts(self, names: Sequence[str]) -> list[Account | None]:
        """The accounts of `names`, pending ones included; None for each that the chain does not have."""
        reply = await self._call("database", "lookup_account_names", [list(names)])
        found = decode(reply, list[replies.AccountObject | None])
        _require_named(found, names)
        return [None if each is None else account_from(each) for each in found]

    async def accounts_by_id(self, account_ids: Sequence[str]) -> list[Account]:
        """Those accounts of `account_ids` that the chain has."""
        reply = await self._call("database", "get_objects", [list(account_ids)])
        found = decode(reply, list[replies.AccountObject | None])
        _require(len(found) == len(account_ids), "looked up another number of accounts")
        pairs = zip(found, account_ids, strict=True)
        _require(all(each is None or each.id == wanted for each, wanted in pairs), "looked up other accounts")
        return [account_from(each) for each in found if each is not None]

    async def account_ids(self, names: Sequence[str]) -> dict[str, str]:
        """The account ids of those `names` that the chain has, pending ones included."""
        found: dict[str, str] = {}
        for start in range(0, len(names), MAX_NAMES):
            part = list(names[start : start + MAX_NAMES])
            reply = await self._call("database", "lookup_account_names", [part])
            accounts = decode(reply, list[replies.NamedObject | None])
            _require_named(accounts, part)
            found |= {each.name: each.id for each in accounts if each is not None}
        return found

    async def names(self, account_ids: Sequence[str]) -> dict[str, str]:
        """The names of those accounts `account_ids` that the chain has, by id."""
        possible = [account_id for account_id in account_ids if int(account_id.rpartition(".")[2]) <= MAX_INSTANCE]
        reply = await self._call("database", "get_objects", [possible])
        found = decode(reply, list[replies.NamedObject | None])
        _require(len(found) == len(possible), "looked up another number of accounts")
        pairs = zip(found, possible, strict=True)
        _require(all(each is None or each.id == account_id for each, account_id in pairs), "looked up other accounts")
        return {each.id: each.name for each in found if each is not None}

    async def names_page(self, after: str, limit: int) -> list[tuple[str, str]]:
        """(name, account id) of up to `limit` accounts in the order of names, from `after` on."""
        reply = await self._call("database", "lookup_accounts", [after, limit])
        page = decode(reply, list[tuple[replies.AccountName, replies.AccountId]])
        _require(len(page) <= limit, "listed more names than it was asked for")
        names = [name for name, _ in page]
        in_order = all(first < second for first, second in pairwise(names))
        _require(in_order and (not names or names[0] >= after), "listed names out of order")
        return page

    async def balance(self, account_id: str) -> int:
        """What the account has of the core asset, satoshi, pending transactions included."""
        reply = await self._call("database", "get_account_balances", [account_id, [CORE_ASSET]])
        found = decode(reply, list[replies.CoreAmount])
        _require(len(found) <= 1, "gave more balances than it was asked for")
        return found[0].amount if found else 0

    async def required_fees(self, operations: Sequence[Operation | msgspec.Raw]) -> list[int]:
        """Satoshi that each of `operations` costs as the next one; none of the fee steps between them."""
        reply = await self._call("database", "get_required_fees", [list(operations), CORE_ASSET])
        found = decode(reply, list[replies.CoreAmount])
        _require(len(found) == len(operations), "gave another number of fees")
        return [each.amount for each in found]

    async def broadcast(self, body: str) -> None:
        """Send a signed transaction, the JSON text `body`; returns when the node has taken it."""
        raw = msgspec.Raw(body.encode())
        await self._call("network_broadcast", "broadcast_transaction", [raw])

    async def block(self, number: int) -> Block | None:
        """The block `number`, None beyond the head."""
        return await read_block(number, await self._raw_block(number))

    async def _raw_block(self, number: int) -> msgspec.Raw:
        return await self._call("database", "get_block", [number])

    async def blocks(self, numbers: range) -> list[Block]:
        """The blocks `numbers`, up to the first that the node lacks or that exceeds MAX_BLOCKS.

        They are read concurrently. The first two are always included, so that a caller that continues
        where the list ends makes progress.
        """
        room, slots = MAX_BLOCKS, asyncio.Semaphore(BLOCKS_IN_FLIGHT)

        async def read(number: int) -> Block | None:
            nonlocal room
            async with slots:
                if room <= 0 and number not in numbers[:2]:
                    return None
                raw = await self._raw_block(number)
                room -= size_of(raw)  # before it is read, while others may come
                return await read_block(number, raw) if room > 0 or number in numbers[:2] else None

        reads = [asyncio.create_task(read(number)) for number in numbers]
        try:
            found = await asyncio.gather(*reads)
        finally:
            while reads:  # a failure refers to this frame: only the garbage collector would free the blocks
                reads.pop().cancel()
        return [block for block in takewhile(bool, found) if block is not None]

    async def serves(self, api: str) -> str | None:
        """None if the node offers `api`; otherwise why not, in the node's words. Nothing is broadcast."""
        try:
            await self._call(api, UNKNOWN_METHOD, [])
        except Refused as error:
            refusal = error.refusal
            # A missing API is an unknown method too, but of the login API.
            is_offered = refusal.cause is Cause.UNKNOWN_METHOD and refusal.name == UNKNOWN_METHOD
            return None if is_offered else refusal.text
        return "answers a method that does not exist"


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadReply(f"the node {otherwise}")


def _require_named(accounts: Sequence[_Named | None], names: Sequence[str]) -> None:
    _require(len(accounts) == len(names), "looked up another number of names")
    pairs = zip(accounts, names, strict=True)
    _require(all(each is None or each.name == name for each, name in pairs), "looked up other names")
