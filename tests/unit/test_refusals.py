"""Error replies, as a real node wrote them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.refusals import MAX_OPERATION, Cause, read_refusal
from tests.harness.support import data


def recorded(name: str) -> dict[str, Any]:
    """The errors in a file of tests/data."""
    return {case: reply["error"] for case, reply in data(name).items() if "error" in reply}


ERRORS = recorded("node-errors.json")  #: of Peerplays
BITSHARES = recorded("node-errors-bitshares.json")
LONG_NAME = "a" * 60 + "1234"

CAUSES = {
    "account exists (in a block) via broadcast_transaction": Cause.NAME_TAKEN,
    "account exists (in a block) via broadcast_transaction_synchronous": Cause.NAME_TAKEN,
    "account exists via broadcast_transaction_with_callback": Cause.NAME_TAKEN,
    "account exists (still pending)": Cause.NAME_TAKEN,
    "same name twice in one tx": Cause.NAME_TAKEN,
    "bad name 'Bad-Name1'": Cause.INVALID_NAME,
    "bad name '1abc2'": Cause.INVALID_NAME,
    "bad name 'trailing-'": Cause.INVALID_NAME,
    "bad name 'under_score1'": Cause.INVALID_NAME,
    "bad name ''": Cause.INVALID_NAME,
    f"bad name '{LONG_NAME}'": Cause.INVALID_NAME,
    "bad name 'dot..dot1'": Cause.INVALID_NAME,
    "bad name 'a1.b'": Cause.NAME_TAKEN,  # not bad at all, but registered by an earlier case
    "bad name 'x9'": Cause.NAME_TAKEN,
    "bad name '9'": Cause.INVALID_NAME,
    "bad name 'aa--1b'": Cause.NAME_TAKEN,
    "bad name 'ends.'": Cause.INVALID_NAME,
    "bad name '.start1'": Cause.INVALID_NAME,
    "bad name 'Bad-Name1', fixed fee": Cause.INVALID_NAME,
    "bad name '1abc2', fixed fee": Cause.INVALID_NAME,
    "premium name with basic fee": Cause.FEE_TOO_LOW,
    "fee too low (0)": Cause.FEE_TOO_LOW,
    "expired": Cause.EXPIRED,
    "expired via synchronous": Cause.EXPIRED,
    "duplicate resent after its own expiration": Cause.EXPIRED,
    "expiration too far": Cause.EXPIRATION_TOO_FAR,
    "duplicate while pending": Cause.KNOWN,
    "duplicate after in a block": Cause.KNOWN,
    "duplicate after in a block, synchronous": Cause.KNOWN,
    "duplicate transfer after in a block": Cause.KNOWN,
    "no signature": Cause.MISSING_AUTHORITY,
    "wrong key": Cause.MISSING_AUTHORITY,
    "wrong chain id": Cause.MISSING_AUTHORITY,
    "ref_block_num missing": Cause.MISSING_AUTHORITY,  # read as 0, it makes other bytes than were signed
    "irrelevant extra signature": Cause.IRRELEVANT_SIGNATURE,
    "duplicate signature": Cause.DUPLICATE_SIGNATURE,
    "insufficient balance for fee": Cause.INSUFFICIENT_BALANCE,
    "transfer more than balance": Cause.INSUFFICIENT_BALANCE,
    "non-lifetime registrar": Cause.NOT_LIFETIME_MEMBER,
    "non-member referrer": Cause.REFERRER_NOT_MEMBER,
    "tapos wrong prefix": Cause.UNKNOWN_REFERENCE,
    "tapos unknown block num": Cause.UNKNOWN_REFERENCE,
    "bad public key": Cause.INVALID_KEY,
    "garbage signature (65 zero bytes)": Cause.OTHER,
    "short signature": Cause.OTHER,
    "unknown registrar id": Cause.OTHER,
    "unknown op number": Cause.OTHER,
    "bad expiration string": Cause.OTHER,
    "no operations": Cause.OTHER,
    "unknown method": Cause.UNKNOWN_METHOD,
    "unknown api id": Cause.OTHER,
    "api by name string (network_broadcast)": Cause.OTHER,
    "too few args": Cause.OTHER,
    "wrong arg type": Cause.OTHER,
    "bad object id": Cause.OTHER,
    "no params": Cause.OTHER,
    "jsonrpc 2.0 error": Cause.UNKNOWN_METHOD,
}

BITSHARES_CAUSES = {
    "known transaction: pending": Cause.KNOWN,
    "known transaction: in a block": Cause.KNOWN,
    "name taken: in a block": Cause.NAME_TAKEN,
    "name taken: pending": Cause.NAME_TAKEN,
    "name taken: twice in one transaction": Cause.NAME_TAKEN,
    "name taken: second of three operations": Cause.NAME_TAKEN,
    **{case: Cause.INVALID_NAME for case in BITSHARES if case.startswith("bad name")},
    "missing member: name": Cause.INVALID_NAME,  # read as empty
    "expired": Cause.EXPIRED,
    "resent after its own expiration, in a block": Cause.EXPIRED,
    "expiration too far": Cause.EXPIRATION_TOO_FAR,
    "unknown reference: wrong prefix": Cause.UNKNOWN_REFERENCE,
    "unknown reference: block to come": Cause.UNKNOWN_REFERENCE,
    **{case: Cause.INSUFFICIENT_BALANCE for case in BITSHARES if case.startswith("insufficient balance")},
    "not lifetime member": Cause.NOT_LIFETIME_MEMBER,
    "referrer not a member": Cause.REFERRER_NOT_MEMBER,
    **{case: Cause.FEE_TOO_LOW for case in BITSHARES if case.startswith("fee too low")},
    **{case: Cause.MISSING_AUTHORITY for case in BITSHARES if case.startswith("missing authority")},
    "missing member: signatures": Cause.MISSING_AUTHORITY,
    "referrer id that is none": Cause.MISSING_AUTHORITY,  # the signature was wrong, too
    "irrelevant signature": Cause.IRRELEVANT_SIGNATURE,
    "duplicate signature": Cause.DUPLICATE_SIGNATURE,
    **{case: Cause.INVALID_KEY for case in BITSHARES if case.startswith("invalid key")},
    "unknown API": Cause.UNKNOWN_METHOD,
    "unknown method": Cause.UNKNOWN_METHOD,
    "lookup_accounts limit 1001": Cause.LIMIT_EXCEEDED,
}
#: Errors that the faucet never causes, or that blame no signup: bisection finds the rejected one.
BITSHARES_OTHER = {
    "signature of zeros",
    "unknown operation number",
    "no operations",
    "registrar id that is none",
    "referrer id that is none (signed)",
    "voting account that is none",
    "account authority that is none",
    "referrer percent over 100",
    "authority that can't be met",
    "transaction larger than maximum_transaction_size 2048",
    "API number that is none",
    "too few arguments",
    "get_account_balances of nobody",
    "get_objects with an id that is none",
}

#: The accounts whose registration is to blame; elsewhere the node, or the abbreviated record, names none.
GUILTY = {
    "account exists (in a block) via broadcast_transaction": "lab-56f7f56afe",
    "premium name with basic fee": "bananapieeadbad",
    "insufficient balance for fee": "lab-913aec4e33",
    "non-lifetime registrar": "lab-7c404a3d52",
    "non-member referrer": "lab-858f322d3d",
}


@pytest.mark.parametrize("case", ERRORS)
def test_recorded_refusal_is_understood(case: str) -> None:
    refusal = read_refusal(ERRORS[case])
    assert refusal.cause is CAUSES[case]
    assert refusal.code == ERRORS[case]["data"]["code"]
    assert refusal.text


@pytest.mark.parametrize("case", BITSHARES)
def test_recorded_refusal_of_bitshares_is_understood(case: str) -> None:
    refusal = read_refusal(BITSHARES[case])
    assert refusal.cause is (Cause.OTHER if case in BITSHARES_OTHER else BITSHARES_CAUSES[case])
    assert refusal.code == BITSHARES[case]["data"]["code"]
    assert refusal.text


def test_every_recorded_refusal_has_an_expected_cause() -> None:
    assert set(CAUSES) == set(ERRORS)
    assert set(BITSHARES_CAUSES) | BITSHARES_OTHER == set(BITSHARES)
    assert not set(BITSHARES_CAUSES) & BITSHARES_OTHER


def test_error_name_disambiguates_a_shared_code() -> None:
    wrong_key, known = ERRORS["wrong key"], BITSHARES["known transaction: pending"]
    assert wrong_key["data"]["code"] == known["data"]["code"] == 3030001
    assert (read_refusal(wrong_key).cause, read_refusal(known).cause) == (Cause.MISSING_AUTHORITY, Cause.KNOWN)
    assert read_refusal(error(code=3030001, stack=[{"format": "?"}])).cause is Cause.OTHER


@pytest.mark.parametrize(
    ("code", "cause"), [(3030007, Cause.FEE_TOO_LOW), (4010007, Cause.FEE_TOO_LOW), (8, Cause.INVALID_KEY)]
)
def test_error_code_decides_without_a_name(code: int, cause: Cause) -> None:
    assert read_refusal(error(code=code)).cause is cause
    assert read_refusal(error(code=code, name="something_else")).cause is Cause.OTHER


@pytest.mark.parametrize(
    ("case", "name"),
    [
        ("name taken: second of three operations", "e6b07fea4-1"),
        ("insufficient balance: registrar has too little", "e6b07fea4-15"),
        ("bad name: 'abc-'", None),
    ],
)
def test_recorded_refusal_of_bitshares_names_the_rejected_registration(case: str, name: str | None) -> None:
    operation = read_refusal(BITSHARES[case]).operation
    assert (operation and operation[1]["name"]) == name


@pytest.mark.parametrize("case", [case for case in ERRORS if case != "transfer more than balance"])
def test_recorded_refusal_names_the_rejected_registration(case: str) -> None:
    operation = read_refusal(ERRORS[case]).operation
    named = None if operation is None else (operation[0], operation[1]["name"])
    assert named == ((5, GUILTY[case]) if case in GUILTY else None)


def test_recorded_refusal_names_the_rejected_transfer() -> None:
    operation = read_refusal(ERRORS["transfer more than balance"]).operation
    assert operation is not None
    assert (operation[0], operation[1]["from"], operation[1]["to"]) == (0, "1.2.21", "1.2.20")


def test_payer_with_too_little_is_insufficient_balance() -> None:
    """The chain's source words it otherwise than for a payer who never had any (db_balance.cpp)."""
    text = "itr->get_balance() >= -delta: Insufficient Balance: ${a}'s balance of ${b} is less than required ${r}"
    assert read_refusal(error(code=10, stack=[{"format": text}])).cause is Cause.INSUFFICIENT_BALANCE


def test_recorded_refusal_of_an_unknown_method_names_it() -> None:
    assert read_refusal(ERRORS["unknown method"]).name == "no_such_method"
    assert read_refusal(ERRORS["account exists (still pending)"]).name is None


def test_recorded_refusal_of_bitshares_names_the_unknown_method() -> None:
    assert read_refusal(BITSHARES["unknown method"]).name == "no_such_method"


def test_text_of_a_refusal_is_cut() -> None:
    refusal = read_refusal(error(code=10, stack=[{"format": "\x1b" + "x" * 1_000_000}]))
    assert refusal.text == "\ufffd" + "x" * 198 + "…"
    refusal = read_refusal({"message": "y" * 1_000_000, "data": {"stack": [{"data": {"name": "z" * 1_000_000}}]}})
    assert refusal.text == "y" * 199 + "…"
    assert refusal.name == "z" * 199 + "…"


def nested(depth: int) -> dict[str, Any]:
    """A dict in a dict in a dict."""
    inner: dict[str, Any] = {}
    for _ in range(depth):
        inner = {"a": inner}
    return inner


@pytest.mark.parametrize("body", [{"memo": "x" * MAX_OPERATION}, nested(20_000)], ids=["long", "nested"])
def test_oversized_operation_is_not_named(body: dict[str, Any]) -> None:
    refusal = read_refusal(error(code=10, stack=[{"format": "is_valid_name( name ): ", "data": {"op": [5, body]}}]))
    assert (refusal.cause, refusal.operation) == (Cause.INVALID_NAME, None)


def error(**members: Any) -> dict[str, Any]:
    return {"code": 1, "message": "what the node says", "data": members}


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        {"code": 1, "message": "no data"},
        {"code": 1, "message": "data is text", "data": "10"},
        error(),
        error(code=10**30),
        error(code=-1, stack=[{"format": {"text": "is_valid_name( name ): "}}]),
        error(code="10", stack=[{"format": "is_valid_name( name ): "}]),
        error(code=10),
        error(code=10, stack="is_valid_name( name ): "),
        error(code=10, stack={"format": "is_valid_name( name ): "}),
        error(code=10, stack=["is_valid_name( name ): ", 5, None]),
        error(code=10, stack=[{"format": ["is_valid_name( name ): "]}]),
        error(code=10, stack=[{"format": "said is_valid_name( name ): "}]),
        error(code=7, stack=[{"format": "is_valid_name( name ): "}]),
    ],
)
def test_odd_error_has_the_cause_other(odd: Any) -> None:
    refusal = read_refusal(odd)
    assert (refusal.cause, refusal.operation, refusal.name) == (Cause.OTHER, None, None)
    assert refusal.text
    assert 0 <= refusal.code < 2**32


@pytest.mark.parametrize("op", [None, 5, [], [5], [5, None], [5, {}, {}], {"name": "a-1"}])
def test_malformed_operation_is_not_named(op: Any) -> None:
    assert read_refusal(error(code=10, stack=[{"method": "apply_operation", "data": {"op": op}}])).operation is None


_odd_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "stack", "code", "format", "message", "op"]), inner)
    ),
    max_leaves=8,
)


@given(_odd_json)
def test_any_json_reads_as_a_refusal(odd: Any) -> None:
    assert read_refusal(odd).cause in set(Cause)
