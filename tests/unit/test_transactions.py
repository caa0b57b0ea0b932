"""Operations and transactions, against what a real node packed."""

import copy
import hashlib
import json
from collections.abc import Iterator
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from peerplaysbase.operations import Operation as PackedOperation

from chain.keys import PrivateKey, format_public_key, recover
from chain.packing import Operation, pack_operation, with_packed_fee
from chain.transactions import (
    RefBlock,
    account_create,
    assert_account_name,
    digest_of,
    format_time,
    operation_size,
    pack,
    parse_time,
    sign,
    transaction_id,
    transfer,
    with_fee,
)
from tests.harness.support import data

SAMPLES: dict[str, Any] = data("node-samples.json")
TRANSACTION = SAMPLES["get_transaction_hex"]["request"]["params"][2][0]
KEY = TRANSACTION["operations"][0][1]["options"]["memo_key"]


def registration(name: str, **changes: Any) -> Operation:
    fields: dict[str, Any] = {
        "registrar": "1.2.20", "referrer": "1.2.20", "referrer_percent": 0, "name": name,
        "owner_key": KEY, "active_key": KEY, "memo_key": KEY, **changes,
    }  # fmt: skip
    return account_create(**fields)


def test_operation_equals_the_nodes() -> None:
    recorded = SAMPLES["get_block"]["reply"]["result"]["transactions"][0]["operations"][0]
    assert with_fee(registration("sample-24cd2a-0"), 515_039) == recorded


def test_bytes_and_id_equal_the_nodes() -> None:
    packed = pack(TRANSACTION, "PPY")
    assert SAMPLES["get_transaction_hex"]["reply"]["result"].startswith(packed.hex())
    assert transaction_id(packed) == SAMPLES["transaction id of the sample transaction"]


def key_of(secret: bytes) -> str:
    return format_public_key(PrivateKey(hashlib.sha256(secret).digest()).public, "PPY")


ids = st.integers(0, 2**48).map("1.2.{}".format)
keys = st.binary(max_size=8).map(key_of)
fees = st.integers(0, 2**62)
registrations = st.builds(
    lambda fee, **fields: with_fee(account_create(**fields), fee),
    fee=fees,
    registrar=ids,
    referrer=ids,
    referrer_percent=st.integers(0, 10_000),
    name=st.text("abcdefghijklmnopqrstuvwxyz0123456789-.", min_size=1, max_size=63),
    owner_key=keys,
    active_key=keys,
    memo_key=keys,
    voting_account=ids,
    extra_owner_keys=st.lists(keys, max_size=2),
    extra_active_accounts=st.lists(ids, max_size=2),
)
transfers = st.builds(transfer, sender=ids, receiver=ids, amount=fees, fee=fees)


@given(st.one_of(registrations, transfers))
def test_bytes_equal_the_packages(operation: Operation) -> None:
    number, body = operation
    packed = bytes(PackedOperation([number, copy.deepcopy({**body, "prefix": "PPY"})]))
    assert pack_operation(operation, "PPY") == packed


def test_other_forms_are_packed_by_the_package() -> None:
    number, body = registration("a-1")
    voting = [number, {**body, "options": {**body["options"], "votes": ["0:1"]}}]
    assert pack_operation(voting, "PPY") == bytes(PackedOperation([5, copy.deepcopy({**voting[1], "prefix": "PPY"})]))
    assert len(pack_operation(voting, "PPY")) > len(pack_operation([number, body], "PPY"))


# Assertions


def test_assertion_has_one_predicate_and_no_further_authorities() -> None:
    assert assert_account_name(payer="1.2.20", account_id="1.2.300", name="alice-1", fee=7) == [
        36,
        {
            "fee": {"amount": 7, "asset_id": "1.3.0"},
            "fee_paying_account": "1.2.20",
            "predicates": [[0, {"account_id": "1.2.300", "name": "alice-1"}]],
            "required_auths": [],
            "extensions": [],
        },
    ]


def test_assertion_is_packed_as_in_the_chain_source() -> None:
    packed = bytes.fromhex(
        "24"  # 36
        "a086010000000000"  # 100,000 satoshi
        "00"  # of 1.3.0
        "14"  # paid by 1.2.20
        "02"  # predicates
        "00 ac02 07 616c6963652d31"  # 1.2.300 is alice-1
        "00 10 05 622e632d64"  # 1.2.16 is b.c-d
        "00"  # required authorities
        "00"  # extensions
    )
    number, body = assert_account_name(payer="1.2.20", account_id="1.2.300", name="alice-1", fee=100_000)
    two = [number, {**body, "predicates": [*body["predicates"], [0, {"account_id": "1.2.16", "name": "b.c-d"}]]}]
    assert pack_operation(two, "PPY") == packed


@given(registrations | transfers, fees)
def test_fee_of_packed_operation_is_replaced(operation: Operation, fee: int) -> None:
    assert with_packed_fee(pack_operation(operation, "PPY"), fee) == pack_operation(with_fee(operation, fee), "PPY")


#: Any text: the chain holds no asserted name to the grammar.
predicates = st.lists(st.tuples(ids, st.text(max_size=200)), min_size=1, max_size=4)


@given(ids, predicates, fees)
def test_packed_assertion_round_trips(payer: str, named: list[tuple[str, str]], fee: int) -> None:
    operations = [assert_account_name(payer=payer, account_id=account, name=name, fee=fee) for account, name in named]
    body = {**operations[0][1], "predicates": [operation[1]["predicates"][0] for operation in operations]}
    assert read_assertion(iter(pack_operation([36, body], "PPY"))) == (fee, payer, named)


def read_assertion(packed: Iterator[int]) -> tuple[int, str, list[tuple[str, str]]]:
    """Fee, payer and predicates, read byte by byte; nothing follows them."""
    assert read_varint(packed) == 36
    fee = int.from_bytes(take(packed, 8), "little", signed=True)
    assert read_varint(packed) == 0
    payer = f"1.2.{read_varint(packed)}"
    named = [read_account_name(packed) for _ in range(read_varint(packed))]
    assert [read_varint(packed), read_varint(packed), *packed] == [0, 0]
    return fee, payer, named


def read_account_name(packed: Iterator[int]) -> tuple[str, str]:
    assert read_varint(packed) == 0
    account_id = f"1.2.{read_varint(packed)}"
    return account_id, take(packed, read_varint(packed)).decode()


def read_varint(packed: Iterator[int]) -> int:
    group = next(packed)
    return group if group < 0x80 else (group & 0x7F) | read_varint(packed) << 7


def take(packed: Iterator[int], size: int) -> bytes:
    return bytes(next(packed) for _ in range(size))


@pytest.mark.parametrize(
    "changes",
    [
        {"predicates": [[1, {"asset_id": "1.3.0", "symbol": "PPY"}]]},
        {"required_auths": ["1.2.5"]},
        {"extensions": [[0, {}]]},
    ],
)
def test_assertion_of_another_form_is_not_packed(changes: dict[str, Any]) -> None:
    number, body = assert_account_name(payer="1.2.20", account_id="1.2.300", name="alice-1")
    with pytest.raises(NotImplementedError):
        pack_operation([number, {**body, **changes}], "PPY")


# Transactions


def test_ref_block_equals_the_nodes() -> None:
    head = SAMPLES["get_dynamic_global_properties"]["reply"]["result"]
    reference = RefBlock(head["head_block_number"], head["head_block_id"])
    assert reference.ref_block_num == TRANSACTION["ref_block_num"]
    assert reference.ref_block_prefix == TRANSACTION["ref_block_prefix"]
    assert RefBlock(0x1_0001, "00" * 20).ref_block_num == 1


def test_signed_transaction_round_trips() -> None:
    key = PrivateKey(b"\1" * 32)
    chain_id = "ab" * 32
    operations = [registration("alice-1"), transfer(sender="1.2.20", receiver="1.2.21", amount=5, fee=7)]
    reference = RefBlock(62, SAMPLES["get_block"]["reply"]["result"]["previous"])
    signed = sign(operations, ref_block=reference, expiration=1_700_000_000, chain_id=chain_id, prefix="PPY", key=key)
    body = json.loads(signed.body)
    packed = pack(body, "PPY")
    assert body["signatures"] == [signed.signature]
    assert transaction_id(packed) == signed.id
    assert recover(digest_of(packed, chain_id), bytes.fromhex(signed.signature)) == key.public
    assert parse_time(body["expiration"]) == 1_700_000_000


def test_authority_has_extra_keys_and_accounts() -> None:
    body = registration("a-1", extra_owner_keys=[KEY, KEY], extra_active_accounts=["1.2.7", "1.2.7"])[1]
    assert body["owner"]["key_auths"] == [[KEY, 1]]
    assert body["active"]["account_auths"] == [["1.2.7", 1]]
    assert operation_size([5, body], "PPY") > operation_size(registration("a-1"), "PPY")


def test_account_auths_are_in_packed_order() -> None:
    """A node packs them by number: signed in any other order, the signature would be another transaction's."""
    body = registration("a-1", extra_active_accounts=["1.2.20", "1.2.100", "1.2.9"])[1]
    assert [account for account, _ in body["active"]["account_auths"]] == ["1.2.9", "1.2.20", "1.2.100"]


def test_key_auths_are_packed_by_address() -> None:
    """An address is RIPEMD-160 of SHA-512 of the key's bytes (address.hpp); the keys' own order plays no part."""
    raws = [PrivateKey(bytes([number]) * 32).public for number in (1, 2, 3, 4)]
    by_address = sorted(raws, key=lambda raw: hashlib.new("ripemd160", hashlib.sha512(raw).digest()).digest())
    entries = b"".join(raw + b"\x01\x00" for raw in by_address)
    assert by_address != sorted(raws)
    for first, *others in permutations(format_public_key(raw, "PPY") for raw in raws):
        operation = registration("a-1", owner_key=first, extra_owner_keys=others)
        assert entries in pack({**TRANSACTION, "operations": [operation]}, "PPY")


@given(st.integers(0, 2**32 - 1))
def test_times_round_trip(seconds: int) -> None:
    assert parse_time(format_time(seconds)) == seconds
