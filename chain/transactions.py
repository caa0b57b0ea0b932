"""Builds operations and transactions as the node's JSON, packs and signs them."""

import hashlib
from calendar import timegm
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from time import gmtime, strftime, strptime
from typing import Any

import msgspec
from msgspec import Raw

from chain.keys import PrivateKey
from chain.packing import ACCOUNT_CREATE, ACCOUNT_NAME_EQ_LIT, ASSERT, TRANSFER, Operation, pack_operation, varint

CORE_ASSET = "1.3.0"
PROXY_TO_SELF = "1.2.5"  #: what an account votes through that names no proxy (config.hpp)
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S"

_HEADER = Struct("<HII").pack  #: reference, its prefix, expiration


@dataclass(frozen=True, slots=True)
class RefBlock:
    """The block that a transaction refers to: on a chain without it, the transaction is void (TaPoS)."""

    number: int
    id: str  #: 40 hex digits

    @property
    def ref_block_num(self) -> int:
        """The low 16 bits of the block's number."""
        return self.number & 0xFFFF

    @property
    def ref_block_prefix(self) -> int:
        """Bytes 4 to 8 of the block's id, little endian."""
        return int.from_bytes(bytes.fromhex(self.id)[4:8], "little")


@dataclass(frozen=True, slots=True)
class Signed:
    """A signed transaction, ready to be sent."""

    id: str
    signature: str  #: hex
    body: str  #: JSON


def account_create(
    *,
    registrar: str,
    referrer: str,
    referrer_percent: int,
    name: str,
    owner_key: str,
    active_key: str,
    memo_key: str,
    fee: int = 0,
    voting_account: str = PROXY_TO_SELF,
    extra_owner_keys: Sequence[str] = (),
    extra_active_keys: Sequence[str] = (),
    extra_owner_accounts: Sequence[str] = (),
    extra_active_accounts: Sequence[str] = (),
) -> Operation:
    """The operation that registers `name`; `referrer_percent` in hundredths, `fee` in satoshi."""
    return [
        ACCOUNT_CREATE,
        {
            "fee": _asset(fee),
            "registrar": registrar,
            "referrer": referrer,
            "referrer_percent": referrer_percent,
            "name": name,
            "owner": _authority([owner_key, *extra_owner_keys], extra_owner_accounts),
            "active": _authority([active_key, *extra_active_keys], extra_active_accounts),
            "options": account_options(memo_key, voting_account),
            "extensions": {},
        },
    ]


def account_options(memo_key: str, voting_account: str) -> dict[str, Any]:
    """The options of an account that votes through `voting_account`, an id, and for nobody itself."""
    return {
        "memo_key": memo_key,
        "voting_account": voting_account,
        "num_witness": 0,
        "num_committee": 0,
        "votes": [],
        "extensions": [],
    }


def transfer(*, sender: str, receiver: str, amount: int, fee: int = 0) -> Operation:
    """The operation that moves `amount` satoshi of the core asset from one account id to another."""
    return [
        TRANSFER,
        {"fee": _asset(fee), "from": sender, "to": receiver, "amount": _asset(amount), "extensions": []},
    ]


def assert_account_name(*, payer: str, account_id: str, name: str, fee: int = 0) -> Operation:
    """The operation that voids its transaction unless the account `account_id` has the name `name`.

    `fee` in satoshi, paid by `payer`. An account that the same transaction registers can't be named: its id is
    known once it is in a block.
    """
    return [
        ASSERT,
        {
            "fee": _asset(fee),
            "fee_paying_account": payer,
            "predicates": [[ACCOUNT_NAME_EQ_LIT, {"account_id": account_id, "name": name}]],
            "required_auths": [],
            "extensions": [],
        },
    ]


def with_fee(operation: Operation, fee: int) -> Operation:
    """`operation` paying `fee` satoshi."""
    number, body = operation
    return [number, {**body, "fee": _asset(fee)}]


def operation_size(operation: Operation, prefix: str) -> int:
    """Bytes of `operation` in a transaction, including its number."""
    return len(pack_operation(operation, prefix))


def sign(
    operations: Iterable[Operation | Raw],
    *,
    ref_block: RefBlock,
    expiration: int,
    chain_id: str,
    prefix: str,
    key: PrivateKey,
    packed_operations: Sequence[bytes] | None = None,
) -> Signed:
    """The transaction of `operations` that expires at `expiration`, seconds of chain time, signed by `key`.

    `packed_operations` are their bytes, where these are known already, as they must be of what is JSON already.
    """
    transaction = _unsigned(operations, ref_block.ref_block_num, ref_block.ref_block_prefix, expiration)
    packed = pack(transaction, prefix) if packed_operations is None else _joined(transaction, packed_operations)
    signature = key.sign(digest_of(packed, chain_id)).hex()
    return _signed(transaction, packed, signature)


def signed_before(
    operations: Iterable[Operation],
    *,
    ref_block_num: int,
    ref_block_prefix: int,
    expiration: int,
    prefix: str,
    signature: str,
) -> Signed:
    """The signed transaction, rebuilt from a block."""
    transaction = _unsigned(operations, ref_block_num, ref_block_prefix, expiration)
    return _signed(transaction, pack(transaction, prefix), signature)


def _unsigned(
    operations: Iterable[Operation | Raw], ref_block_num: int, ref_block_prefix: int, expiration: int
) -> dict[str, Any]:
    return {
        "ref_block_num": ref_block_num,
        "ref_block_prefix": ref_block_prefix,
        "expiration": format_time(expiration),
        "operations": list(operations),
        "extensions": [],
    }


def _signed(transaction: dict[str, Any], packed: bytes, signature: str) -> Signed:
    body = msgspec.json.encode({**transaction, "signatures": [signature]}).decode()
    return Signed(transaction_id(packed), signature, body)


def pack(transaction: dict[str, Any], prefix: str) -> bytes:
    """The bytes of `transaction`, the node's JSON, without its signatures (transaction.hpp)."""
    return _joined(transaction, [pack_operation(operation, prefix) for operation in transaction["operations"]])


def _joined(transaction: dict[str, Any], operations: Sequence[bytes]) -> bytes:
    header = _HEADER(
        transaction["ref_block_num"], transaction["ref_block_prefix"], parse_time(transaction["expiration"])
    )
    return b"".join((header, varint(len(operations)), *operations, b"\0"))  # no extensions


def transaction_id(packed: bytes) -> str:
    """The chain's id of the transaction whose unsigned bytes are `packed`."""
    return hashlib.sha256(packed).digest()[:20].hex()


def digest_of(packed: bytes, chain_id: str) -> bytes:
    """The digest to sign. It includes the chain id, so that no other chain accepts the signature."""
    return hashlib.sha256(bytes.fromhex(chain_id) + packed).digest()


@lru_cache(maxsize=1024)
def format_time(seconds: int) -> str:
    """Chain time as the node writes it."""
    return strftime(TIME_FORMAT, gmtime(seconds))


@lru_cache(maxsize=1024)  # the transactions of a block have few times, and parsing one takes 5 µs
def parse_time(text: str) -> int:
    """Seconds since 1970 of a time that the node wrote. Raises ValueError."""
    return timegm(strptime(text, TIME_FORMAT))


def _asset(amount: int) -> dict[str, Any]:
    return {"amount": amount, "asset_id": CORE_ASSET}


def _authority(keys: Sequence[str], accounts: Sequence[str]) -> dict[str, Any]:
    """An authority that any one of `keys` or `accounts` satisfies.

    A chain packs both lists in order, whatever the order of the JSON, so that any other would be signed in vain:
    accounts by number (object_id.hpp), keys by address (address.hpp). The package sorts the keys, not the accounts.
    """
    return {
        "weight_threshold": 1,
        "account_auths": [[account, 1] for account in sorted(set(accounts), key=_instance)],
        "key_auths": [[key, 1] for key in dict.fromkeys(keys)],
        "address_auths": [],
    }


def _instance(object_id: str) -> int:
    return int(object_id.rpartition(".")[2])
