"""Parses blocks, and keeps what the faucet needs of them.

A block may have megabytes, and dicts take several times as much: known operations are kept as JSON and decoded on
access, of all others only the number is kept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, overload

import msgspec
from msgspec import Raw

from chain.errors import BadReply
from chain.packing import ACCOUNT_CREATE, ACCOUNT_UPDATE, ASSERT, TRANSFER, Operation
from chain.replies import (
    AccountId,
    AccountName,
    AuthorityObject,
    BlockId,
    ObjectId,
    PublicKey,
    Satoshi,
    Signature,
    Time,
    Uint16,
    Uint32,
    decode,
    read_time,
)

OBJECT_ID = 1  #: the number of this kind of operation_result; the others are nothing and an amount (base.hpp)
MAX_BODY = 65_536  #: bytes of an operation body that is kept; no registration or payment is larger
MAX_NESTING = 500  #: brackets in such a body: deeper nesting can't be decoded everywhere
OUT_OF_REASON = -1  #: replaces the number of a known operation whose body is too large to be kept


class Operations(Sequence[Operation]):
    """The operations of a transaction, each [number, body], decoded on every access.

    The body is empty but for account_create, transfer, account_update and assert. Where one of these is out of
    reason, the number is OUT_OF_REASON.
    """

    __slots__ = ("_parts",)

    def __init__(self, parts: Sequence[tuple[int, bytes]]) -> None:
        """`parts` are numbers and bodies, as JSON."""
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> Operation: ...
    @overload
    def __getitem__(self, index: slice) -> "Operations": ...
    def __getitem__(self, index: int | slice) -> "Operation | Operations":
        if isinstance(index, slice):
            return Operations(self._parts[index])
        return _operation(*self._parts[index])

    def __iter__(self) -> Iterator[Operation]:
        return (_operation(*part) for part in self._parts)

    def __eq__(self, other: object) -> bool:
        """Compare decoded values: nodes format JSON differently."""
        return isinstance(other, Operations) and (self._parts == other._parts or list(self) == list(other))

    def __hash__(self) -> int:
        return hash(self.numbers)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The operations' numbers, without decoding bodies."""
        return tuple(number for number, _ in self._parts)


@dataclass(frozen=True, slots=True)
class BlockTransaction:
    """A transaction in a block. Blocks do not contain transaction ids."""

    ref_block_num: int  #: the low 16 bits of the block's number that it refers to
    ref_block_prefix: int
    expiration: int  #: seconds, chain time
    signatures: tuple[str, ...]
    operations: Operations
    #: The object id that each operation made, None where it made none; no results at all where the chain keeps none.
    results: tuple[str | None, ...] | None
    are_looked_up: bool = False  #: the block had no results: ids were looked up by account name

    @property
    def made(self) -> tuple[str | None, ...]:
        """The results, as far as they are known."""
        return (None,) * len(self.operations) if self.results is None else self.results


@dataclass(frozen=True, slots=True)
class Block:
    """A block. Its own id stands in its successor, as `previous`."""

    number: int
    previous: str
    time: int
    transactions: tuple[BlockTransaction, ...]
    size: int = field(default=0, compare=False)  #: bytes of its JSON, which nodes write in their own ways


class _Transaction(msgspec.Struct):
    ref_block_num: Uint16
    ref_block_prefix: Uint32
    expiration: Time
    signatures: list[Signature]
    operations: list[tuple[Uint16, Raw]]
    operation_results: list[tuple[Uint16, Raw]] = []  # BitShares empties it


class _Block(msgspec.Struct):
    previous: BlockId
    timestamp: Time
    transactions: list[_Transaction]


class _Amount(msgspec.Struct):
    amount: Satoshi
    asset_id: ObjectId


class _Options(msgspec.Struct):
    memo_key: PublicKey
    voting_account: AccountId
    num_witness: Uint16
    num_committee: Uint16
    votes: list[Raw]
    extensions: Raw


class _AccountCreate(msgspec.Struct):
    fee: _Amount
    registrar: AccountId
    referrer: AccountId
    referrer_percent: Uint16
    name: AccountName
    owner: AuthorityObject
    active: AuthorityObject
    options: _Options
    extensions: Raw


class _Transfer(msgspec.Struct):
    fee: _Amount
    sender: AccountId = msgspec.field(name="from")
    receiver: AccountId = msgspec.field(name="to")
    amount: _Amount
    extensions: Raw


class _AccountUpdate(msgspec.Struct):
    fee: _Amount
    account: AccountId
    extensions: Raw


class _Assert(msgspec.Struct):
    fee: _Amount
    fee_paying_account: AccountId
    predicates: list[tuple[Uint16, Raw]]
    extensions: Raw


#: The operations whose bodies are kept, and the members that reading and packing need.
_FORMS: Mapping[int, type[msgspec.Struct]] = {
    ACCOUNT_CREATE: _AccountCreate,
    TRANSFER: _Transfer,
    ACCOUNT_UPDATE: _AccountUpdate,
    ASSERT: _Assert,
}


def read_block(number: int, raw: Raw) -> Block | None:
    """The block `number` of a reply to get_block, None where the node has none. Raises BadReply."""
    if memoryview(raw)[:5].tobytes() == b"null":
        return None
    found = decode(raw, _Block)
    transactions = tuple(map(_transaction, found.transactions))
    return Block(number, found.previous, read_time(found.timestamp), transactions, _size(raw))


def _transaction(found: _Transaction) -> BlockTransaction:
    return BlockTransaction(
        ref_block_num=found.ref_block_num,
        ref_block_prefix=found.ref_block_prefix,
        expiration=read_time(found.expiration),
        signatures=tuple(found.signatures),
        operations=Operations([_part(number, raw) for number, raw in found.operations]),
        results=_results(found),
    )


def _results(found: _Transaction) -> tuple[str | None, ...] | None:
    if not found.operation_results:
        return None
    if len(found.operation_results) != len(found.operations):
        raise BadReply("the node's block has another number of results than of operations")
    pairs = zip(found.operations, found.operation_results, strict=True)
    return tuple(_result(number, *result) for (number, _), result in pairs)


def _result(number: int, kind: int, raw: Raw) -> str | None:
    """The id of the object that operation `number` made, None where it made none. Raises BadReply."""
    if number != ACCOUNT_CREATE:
        return decode(raw, ObjectId) if kind == OBJECT_ID else None
    if kind != OBJECT_ID:
        raise BadReply("the node's block does not say which account a registration made")
    return decode(raw, AccountId)


def _part(number: int, raw: Raw) -> tuple[int, bytes]:
    """The number and the body that are kept. Raises BadReply where the body lacks what the operation must have."""
    form = _FORMS.get(number)
    if form is None:
        return _part_without_body(number)
    body = bytes(raw)
    if len(body) > MAX_BODY or body.count(b"{") + body.count(b"[") > MAX_NESTING:
        return _part_without_body(OUT_OF_REASON)
    decode(body, form)
    decode(body, dict[str, Any])  # members outside the form must be decodable too: later accesses handle no errors
    return number, body


@cache  # there may be a hundred thousand in a block
def _part_without_body(number: int) -> tuple[int, bytes]:
    return number, b"{}"


def _operation(number: int, body: bytes) -> Operation:
    return [number, msgspec.json.decode(body)]


def _size(raw: Raw) -> int:
    return memoryview(raw).nbytes
