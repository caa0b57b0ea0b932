"""Packs the three operations that the faucet makes into the bytes that are signed.

The peerplays package packs any operation, but takes 0.15 ms, twice for each signup, since the size is needed first.
A property-based test holds these bytes to the package's; other forms are left to it. It does not know assertions.
"""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from peerplaysbase.objects import Permission
from peerplaysbase.operations import Operation as PackedOperation

from chain.keys import POINT_SIZE, base58_decode

TRANSFER = 0  #: numbers of the operations (operations.hpp)
ACCOUNT_CREATE = 5
ACCOUNT_UPDATE = 6
ASSERT = 36

ACCOUNT_NAME_EQ_LIT = 0  #: number of the predicate that an account has a name (assert.hpp)

#: [number, body], just as the node writes it; its numbers may be texts.
Operation = list[Any]
Body = Mapping[str, Any]

_int64 = Struct("<q").pack
_uint32 = Struct("<I").pack
_uint16 = Struct("<H").pack
FEE_SIZE = 8  #: bytes of an amount
_NOTHING = b"\0"  #: an empty list, or an optional member that is left out


def pack_operation(operation: Operation, prefix: str) -> bytes:
    """The bytes of `operation`, its number first; public keys in it begin with `prefix`.

    Raises NotImplementedError for one that the package does not know, an assertion of another predicate too.
    """
    number, body = operation
    pack = _PACKERS.get(number)
    packed = pack(body, prefix) if pack is not None else None
    if packed is None:
        return bytes(PackedOperation([number, {**body, "prefix": prefix}]))
    return varint(number) + packed


def with_packed_fee(packed: bytes, fee: int) -> bytes:
    """`packed`, an operation that the faucet makes, paying `fee` satoshi: that comes first, after the number's byte."""
    return packed[:1] + _int64(fee) + packed[1 + FEE_SIZE :]


def varint(number: int) -> bytes:
    """`number` in groups of seven bits, the lowest first (fc/io/varint.hpp)."""
    packed = bytearray()
    while number > 0x7F:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)
    return bytes(packed)


def _account_create(body: Body, prefix: str) -> bytes | None:
    """account_create_operation (account.hpp); None with votes or extensions."""
    options = body["options"]
    if options["votes"] or options["extensions"] or body["extensions"]:
        return None
    return b"".join(
        (
            _asset(body["fee"]),
            pack_object_id(body["registrar"]),
            pack_object_id(body["referrer"]),
            _uint16(int(body["referrer_percent"])),
            pack_text(body["name"]),
            _authority(body["owner"], prefix),
            _authority(body["active"], prefix),
            _point(options["memo_key"], prefix),
            pack_object_id(options["voting_account"]),
            _uint16(int(options["num_witness"])),
            _uint16(int(options["num_committee"])),
            _NOTHING,  # votes
            _NOTHING,  # extensions of the options
            _NOTHING,  # extensions
        )
    )


def _transfer(body: Body, _prefix: str) -> bytes | None:
    """transfer_operation (transfer.hpp); None with a memo or extensions."""
    if body.get("memo") or body["extensions"]:
        return None
    return b"".join(
        (
            _asset(body["fee"]),
            pack_object_id(body["from"]),
            pack_object_id(body["to"]),
            _asset(body["amount"]),
            _NOTHING,  # memo
            _NOTHING,  # extensions
        )
    )


def _assert(body: Body, _prefix: str) -> bytes | None:
    """assert_operation (assert.hpp); None with other predicates than account names, authorities or extensions."""
    predicates = body["predicates"]
    if body["required_auths"] or body["extensions"] or any(number != ACCOUNT_NAME_EQ_LIT for number, _ in predicates):
        return None
    return b"".join(
        (
            _asset(body["fee"]),
            pack_object_id(body["fee_paying_account"]),
            varint(len(predicates)),
            *(_account_name(predicate) for _, predicate in predicates),
            _NOTHING,  # required authorities
            _NOTHING,  # extensions
        )
    )


_PACKERS: Mapping[int, Callable[[Body, str], bytes | None]] = {
    ACCOUNT_CREATE: _account_create,
    TRANSFER: _transfer,
    ASSERT: _assert,
}


def _account_name(predicate: Body) -> bytes:
    return varint(ACCOUNT_NAME_EQ_LIT) + pack_object_id(predicate["account_id"]) + pack_text(predicate["name"])


def _asset(asset: Body) -> bytes:
    return _int64(int(asset["amount"])) + pack_object_id(asset["asset_id"])


def pack_text(text: str) -> bytes:
    """A text, its length first."""
    encoded = text.encode()
    return varint(len(encoded)) + encoded


def pack_object_id(text: str) -> bytes:
    """An object's id, of which only the last number is written: its place says the kind."""
    return varint(int(text.rpartition(".")[2]))


def _authority(authority: Body, prefix: str) -> bytes:
    """Threshold, accounts, keys, addresses (authority.hpp)."""
    if len(authority["key_auths"]) != 1 or authority["account_auths"]:
        # Several stand in the chain's order, which the package knows.
        return bytes(Permission(dict(authority), prefix=prefix))
    ((key, weight),) = authority["key_auths"]
    keys = varint(1) + _point(key, prefix) + _uint16(int(weight))
    return _uint32(int(authority["weight_threshold"])) + _NOTHING + keys + _NOTHING


def _point(key: str, prefix: str) -> bytes:
    return base58_decode(key.removeprefix(prefix))[:POINT_SIZE]
