"""Decodes and checks transactions as a node does."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from chain.slices import map_in_slices
from chain.transactions import format_time, parse_time, transaction_id
from devchain import errors
from devchain.fields import Uint16, Uint32
from devchain.operations import READ_SLICE, DecodedOperation, read_operation, restore_operation, validate


class _Raw(Struct, frozen=True):
    """A transaction as sent; a node takes missing members for zero or empty (fc, variant)."""

    expiration: str
    operations: list[Any]
    ref_block_num: Uint16 = 0
    ref_block_prefix: Uint32 = 0
    signatures: list[Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{2})*$")]] = []


SIGNATURE_DIGITS = 130


@dataclass(frozen=True, slots=True)
class Transaction:
    """A decoded transaction, not yet checked against the state."""

    id: str
    operations: tuple[DecodedOperation, ...]
    as_json: dict[str, Any]  #: as the chain writes it
    expiration: int  #: seconds, chain time
    size: int  #: bytes, signatures included

    @property
    def signatures(self) -> list[str]:
        """In hex."""
        signatures: list[str] = self.as_json["signatures"]
        return signatures

    def stored(self) -> dict[str, Any]:
        """What `restore_transaction` takes."""
        sizes = [operation.paid_size for operation in self.operations]
        return {"id": self.id, "size": self.size, "paid_sizes": sizes, "body": self.as_json}


class ReadTransaction(NamedTuple):
    """A transaction, and its bytes without signatures."""

    transaction: Transaction
    packed: bytes


def read_transaction(raw: dict[str, Any], prefix: str) -> ReadTransaction:
    """The transaction that `raw` is. Raises NodeError if it can't be read."""
    fields = _read_fields(raw)
    expiration = _read_time(fields.expiration)
    return _joined(fields, expiration, [read_operation(operation, prefix) for operation in fields.operations])


async def read_in_slices(raw: dict[str, Any], prefix: str) -> ReadTransaction:
    """The same; the event loop goes on between its parts."""
    fields = _read_fields(raw)
    expiration = _read_time(fields.expiration)
    read = partial(read_operation, prefix=prefix)
    return _joined(fields, expiration, await map_in_slices(read, fields.operations, READ_SLICE))


def _joined(fields: _Raw, expiration: int, operations: list[tuple[DecodedOperation, bytes]]) -> ReadTransaction:
    as_json: dict[str, Any] = {
        "ref_block_num": fields.ref_block_num,
        "ref_block_prefix": fields.ref_block_prefix,
        "expiration": format_time(expiration),
        "operations": [operation.as_json for operation, _ in operations],
        "extensions": [],
        "signatures": [_whole(signature) for signature in fields.signatures],
    }
    packed = _pack(fields, expiration, [packed for _, packed in operations])
    read = tuple(operation for operation, _ in operations)
    size = len(packed) + len(pack_signatures(as_json["signatures"]))
    return ReadTransaction(Transaction(transaction_id(packed), read, as_json, expiration, size), packed)


def restore_transaction(stored: dict[str, Any]) -> Transaction:
    """The transaction that `Transaction.stored` gave, without packing it again."""
    as_json = stored["body"]
    pairs = zip(as_json["operations"], stored["paid_sizes"], strict=True)
    operations = tuple(restore_operation(operation, size) for operation, size in pairs)
    return Transaction(stored["id"], operations, as_json, parse_time(as_json["expiration"]), stored["size"])


def validate_transaction(transaction: Transaction, reserved_ending: str | None) -> None:
    """What the chain checks before it looks at its state. Raises NodeError, which names no operation.

    No name may have `reserved_ending`.
    """
    if not transaction.operations:
        unsigned = {key: value for key, value in transaction.as_json.items() if key != "signatures"}
        text = "operations.size() > 0: A transaction must have at least one operation"
        raise errors.assertion(text, "validate", "transaction.cpp", trx=unsigned)
    for operation in transaction.operations:
        validate(operation.body, reserved_ending)


def pack_signatures(signatures: Sequence[str]) -> bytes:
    """What follows a transaction's own bytes."""
    return _pack_length(len(signatures)) + b"".join(bytes.fromhex(signature) for signature in signatures)


def _read_fields(raw: dict[str, Any]) -> _Raw:
    try:
        return msgspec.convert(raw, _Raw, strict=False)
    except msgspec.ValidationError as error:
        raise errors.bad_cast(str(error), "object") from None


def _whole(signature: str) -> str:
    """The signature as a node reads it: cut, or filled up with zeros, to its 65 bytes."""
    return signature.lower()[:SIGNATURE_DIGITS].ljust(SIGNATURE_DIGITS, "0")


def _read_time(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError:
        raise errors.unreadable_time() from None


def _pack(fields: _Raw, expiration: int, operations: list[bytes]) -> bytes:
    head = fields.ref_block_num.to_bytes(2, "little") + fields.ref_block_prefix.to_bytes(4, "little")
    no_extensions = _pack_length(0)
    return (
        head + expiration.to_bytes(4, "little") + _pack_length(len(operations)) + b"".join(operations) + no_extensions
    )


def _pack_length(number: int) -> bytes:
    """`number` in groups of seven bits, the lowest first (fc, unsigned_int)."""
    packed = bytearray()
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*packed, number])
