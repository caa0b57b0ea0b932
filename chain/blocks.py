"""Parses blocks."""

import re
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from msgspec import Raw

from chain.errors import BadReply
from chain.operations import MALFORMED, Operations, read_operation
from chain.packing import ACCOUNT_CREATE
from chain.replies import AccountId, BlockId, ObjectId, Signature, Time, Uint16, Uint32, decode, read_time
from chain.slices import map_in_slices

T = TypeVar("T")

OBJECT_ID = 1  #: the number of this kind of operation_result; the others are nothing and an amount (base.hpp)
_Pair = tuple[Uint16, Raw]  #: how a node writes a variant: which kind it is, and its value
_NO_BODY = Raw(b"{}")
_ACCOUNT_ID = re.compile(rb'"(1\.2\.[0-9]{1,15})"').fullmatch  #: as nodes write it


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
    problem: str | None = field(default=None, compare=False)  #: why one of its operations or results can't be read
    are_looked_up: bool = False  #: the block had no results: ids were looked up by account name

    @property
    def malformed(self) -> int:
        """How many of its operations can't be read; at least one if their results can't be."""
        return max(self.operations.numbers.count(MALFORMED), int(self.problem is not None))

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
    operations: list[_Pair]
    operation_results: list[_Pair] = []  # BitShares empties it


class _Block(msgspec.Struct):
    previous: BlockId
    timestamp: Time
    transactions: list[_Transaction]


class _LooseTransaction(msgspec.Struct):
    """A transaction with any operations and results: only what tells whose it is must be as it should be."""

    ref_block_num: Uint16
    ref_block_prefix: Uint32
    expiration: Time
    signatures: list[Signature]
    operations: list[Raw]
    operation_results: Raw = Raw(b"[]")


class _LooseBlock(msgspec.Struct):
    previous: BlockId
    timestamp: Time
    transactions: list[_LooseTransaction]


async def read_block(number: int, raw: Raw) -> Block | None:
    """The block `number` of a reply to get_block, None where the node has none.

    A large one takes long, and the event loop goes on meanwhile. An operation of another form is MALFORMED. Raises
    BadReply for a block or a transaction of another form.
    """
    if memoryview(raw)[:5].tobytes() == b"null":
        return None
    try:
        found = decode(raw, _Block)
        transactions = await map_in_slices(_transaction, found.transactions)
    except BadReply:
        loose = decode(raw, _LooseBlock)
        found = _Block(loose.previous, loose.timestamp, [])
        transactions = await map_in_slices(_loose_transaction, loose.transactions)
    return Block(number, found.previous, read_time(found.timestamp), tuple(transactions), size_of(raw))


def _transaction(found: _Transaction, problem: str | None = None) -> BlockTransaction:
    operations = [read_operation(number, raw) for number, raw in found.operations]
    results, unclear = _results(found)
    return BlockTransaction(
        ref_block_num=found.ref_block_num,
        ref_block_prefix=found.ref_block_prefix,
        expiration=read_time(found.expiration),
        signatures=tuple(found.signatures),
        operations=Operations([part for part, _ in operations]),
        results=results,
        problem=problem or next((why for _, why in operations if why is not None), unclear),
    )


def _loose_transaction(found: _LooseTransaction) -> BlockTransaction:
    """The transaction with those operations and results that have the form of one."""
    problems: list[str] = []
    operations = [_decoded(raw, tuple[Uint16, Raw], (MALFORMED, _NO_BODY), problems) for raw in found.operations]
    results = _decoded(found.operation_results, list[_Pair], [], problems)
    head = found.ref_block_num, found.ref_block_prefix, found.expiration, found.signatures
    return _transaction(_Transaction(*head, operations, results), next(iter(problems), None))


def _decoded(raw: Raw, kind: type[T], otherwise: T, problems: list[str]) -> T:
    try:
        return decode(raw, kind)
    except BadReply as error:
        problems.append(str(error))
        return otherwise


def _results(found: _Transaction) -> tuple[tuple[str | None, ...] | None, str | None]:
    """The ids of the objects that the operations made; None where they are not known, and if so why they can't be."""
    if not found.operation_results:
        return None, None
    if len(found.operation_results) != len(found.operations):
        return None, "the node's block has another number of results than of operations"
    pairs = zip(found.operations, found.operation_results, strict=True)
    try:
        return tuple(_result(number, *result) for (number, _), result in pairs), None
    except BadReply as error:
        return None, str(error)


def _result(number: int, kind: int, raw: Raw) -> str | None:
    """The id of the object that operation `number` made, None where it made none. Raises BadReply."""
    if number != ACCOUNT_CREATE:
        return decode(raw, ObjectId) if kind == OBJECT_ID else None
    if kind == OBJECT_ID and (plain := _ACCOUNT_ID(raw)) is not None:
        return str(plain[1], "ascii")
    if kind != OBJECT_ID:
        raise BadReply("the node's block does not say which account a registration made")
    return decode(raw, AccountId)


def size_of(raw: Raw) -> int:
    """Bytes of `raw`."""
    return memoryview(raw).nbytes
