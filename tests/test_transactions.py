"""Operations and transactions, against what a real node packed and charged; and its refusals."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.fees import AccountCreateFee, TransferFee
from chain.keys import PrivateKey, recover
from chain.refusals import Cause, read_refusal
from chain.transactions import (
    Operation,
    Reference,
    account_create,
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
from tests.support import data

SAMPLES: dict[str, Any] = data("node-samples.json")
ERRORS: dict[str, Any] = data("node-errors.json")
TRANSACTION = SAMPLES["get_transaction_hex"]["request"]["params"][2][0]
FEE = AccountCreateFee(basic_fee=500_000, premium_fee=200_000_000, price_per_kbyte=100_000)
KEY = TRANSACTION["operations"][0][1]["options"]["memo_key"]


def registration(name: str, **changes: Any) -> Operation:
    fields: dict[str, Any] = {
        "registrar": "1.2.20", "referrer": "1.2.20", "referrer_percent": 0, "name": name,
        "owner_key": KEY, "active_key": KEY, "memo_key": KEY, **changes,
    }  # fmt: skip
    return account_create(**fields)


def test_operation_is_what_the_node_shows() -> None:
    shown = SAMPLES["get_block"]["reply"]["result"]["transactions"][0]["operations"][0]
    assert with_fee(registration("sample-24cd2a-0"), 515_039) == shown


def test_bytes_and_id_are_the_nodes() -> None:
    packed = pack(TRANSACTION, "PPY")
    assert SAMPLES["get_transaction_hex"]["reply"]["result"].startswith(packed.hex())
    assert transaction_id(packed) == SAMPLES["transaction id of the sample transaction"]


def test_reference_is_the_nodes() -> None:
    head = SAMPLES["get_dynamic_global_properties"]["reply"]["result"]
    reference = Reference(head["head_block_number"], head["head_block_id"])
    assert reference.ref_block_num == TRANSACTION["ref_block_num"]
    assert reference.ref_block_prefix == TRANSACTION["ref_block_prefix"]
    assert Reference(0x1_0001, "00" * 20).ref_block_num == 1


@pytest.mark.parametrize(("name", "fee"), [("sample-24cd2a-0", 515_039), ("lab-56f7f56afe", 514_941)])
def test_fee_is_what_the_node_asked(name: str, fee: int) -> None:
    assert FEE.required(name, operation_size(registration(name), "PPY") - 1) == fee


def test_premium_name_costs_what_the_node_asked() -> None:
    required = ERRORS["premium name with basic fee"]["error"]["data"]["stack"][0]["data"]["required"]
    assert FEE.required("bananapieeadbad", operation_size(registration("bananapieeadbad"), "PPY") - 1) == required


def test_scale_of_the_fees() -> None:
    assert AccountCreateFee(1000, 0, 0, scale=5_000).required("a1", 0) == 500
    assert TransferFee(2_000_000, 1_000_000).required() == 2_000_000


def test_signed_transaction_can_be_read_again() -> None:
    key = PrivateKey(b"\1" * 32)
    chain_id = "ab" * 32
    operations = [registration("alice-1"), transfer(sender="1.2.20", receiver="1.2.21", amount=5, fee=7)]
    reference = Reference(62, SAMPLES["get_block"]["reply"]["result"]["previous"])
    signed = sign(operations, reference=reference, expiration=1_700_000_000, chain_id=chain_id, prefix="PPY", key=key)
    body = json.loads(signed.body)
    packed = pack(body, "PPY")
    assert body["signatures"] == [signed.signature]
    assert transaction_id(packed) == signed.id
    assert recover(digest_of(packed, chain_id), bytes.fromhex(signed.signature)) == key.public
    assert parse_time(body["expiration"]) == 1_700_000_000


def test_further_keys_and_accounts_of_an_authority() -> None:
    body = registration("a-1", extra_owner_keys=[KEY, KEY], extra_active_accounts=["1.2.7", "1.2.7"])[1]
    assert body["owner"]["key_auths"] == [[KEY, 1]]
    assert body["active"]["account_auths"] == [["1.2.7", 1]]
    assert operation_size([5, body], "PPY") > operation_size(registration("a-1"), "PPY")


def test_accounts_of_an_authority_are_in_the_order_that_the_chain_packs() -> None:
    """A node packs them by number: signed in any other order, the signature would be another transaction's."""
    body = registration("a-1", extra_active_accounts=["1.2.20", "1.2.100", "1.2.9"])[1]
    assert [account for account, _ in body["active"]["account_auths"]] == ["1.2.9", "1.2.20", "1.2.100"]


@given(st.integers(0, 2**32 - 1))
def test_times_are_read_as_they_are_written(seconds: int) -> None:
    assert parse_time(format_time(seconds)) == seconds


CAUSES = {
    "account exists": Cause.NAME_TAKEN, "same name twice": Cause.NAME_TAKEN, "expired": Cause.EXPIRED,
    "duplicate resent after": Cause.EXPIRED, "duplicate signature": Cause.DUPLICATE_SIGNATURE,
    "duplicate": Cause.KNOWN, "no signature": Cause.MISSING_AUTHORITY, "wrong key": Cause.MISSING_AUTHORITY,
    "wrong chain id": Cause.MISSING_AUTHORITY, "ref_block_num missing": Cause.MISSING_AUTHORITY,
    "irrelevant extra signature": Cause.IRRELEVANT_SIGNATURE, "insufficient balance": Cause.INSUFFICIENT_BALANCE,
    "transfer more than balance": Cause.INSUFFICIENT_BALANCE, "fee too low": Cause.FEE_TOO_LOW,
    "premium name with basic fee": Cause.FEE_TOO_LOW, "non-lifetime registrar": Cause.NOT_LIFETIME_MEMBER,
    "non-member referrer": Cause.REFERRER_NOT_MEMBER, "expiration too far": Cause.EXPIRATION_TOO_FAR,
    "tapos": Cause.UNKNOWN_REFERENCE, "bad public key": Cause.INVALID_KEY,
}  # fmt: skip


def expected(case: str, error: dict[str, Any]) -> Cause:
    if case.startswith("bad name"):
        return Cause.INVALID_NAME if "is_valid_name" in error["message"] else Cause.NAME_TAKEN
    return next((cause for start, cause in CAUSES.items() if case.startswith(start)), Cause.OTHER)


@pytest.mark.parametrize("case", [case for case, reply in ERRORS.items() if "error" in reply])
def test_recorded_refusals_are_understood(case: str) -> None:
    error = ERRORS[case]["error"]
    refusal = read_refusal(error)
    assert refusal.cause is expected(case, error)
    assert refusal.text
    frames = [frame for frame in error["data"]["stack"] if isinstance(frame, dict)]
    guilty = [frame["data"]["op"] for frame in frames if frame["method"] == "apply_operation"]
    assert refusal.operation == (guilty[0] if guilty else None)


def test_payer_who_has_too_little() -> None:
    """The chain's source words it otherwise than for a payer who never had any (db_balance.cpp)."""
    text = "itr->get_balance() >= -delta: Insufficient Balance: ${a}'s balance of ${b} is less than required ${r}"
    error = {"code": 1, "message": "x", "data": {"code": 10, "stack": [{"format": text}]}}
    assert read_refusal(error).cause is Cause.INSUFFICIENT_BALANCE


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "stack", "code", "op"]), inner)
    ),
    max_leaves=8,
)


@given(_json)
def test_any_error_is_a_refusal(error: Any) -> None:
    assert read_refusal(error).cause in set(Cause)
