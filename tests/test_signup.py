"""From a raw request to a signup. What is refused is tested over HTTP; here are properties."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Code, FaucetError
from jobs.model import Signup
from jobs.signup import SignupRules, is_test_name, parse_signup
from tests.program import REGISTRAR_WIF, keys_of

RULES = SignupRules(prefix="TEST", allow_premium=False)
KEYS = keys_of("alice-1")


def body(**changes: Any) -> bytes:
    return json.dumps({"account": {"name": "alice-1", **KEYS, **changes}}).encode()


def test_signup_has_what_was_sent() -> None:
    kept = {"refcode": "r", "email": "a@b.c", "real_name": "Ada", "referrer": "bob-1"}
    assert parse_signup(body(**kept), RULES) == Signup("alice-1", **KEYS, **kept)


def test_referrer_in_the_path_goes_first() -> None:
    assert parse_signup(body(referrer="bob-1"), RULES, "carol-1").referrer == "carol-1"


def test_unknown_fields_of_newer_wallets_are_passed_over() -> None:
    assert parse_signup(body(shoe_size=44), RULES).name == "alice-1"


def test_premium_names_where_they_are_allowed() -> None:
    assert parse_signup(body(name="alice"), SignupRules("TEST", allow_premium=True)).name == "alice"


def test_further_fields_may_be_required() -> None:
    rules = SignupRules("TEST", allow_premium=False, required_fields=("email",))
    with pytest.raises(FaucetError, match="Please provide 'email'") as caught:
        parse_signup(body(), rules)
    assert caught.value.code is Code.MISSING_FIELD


def test_before_a_chain_was_met_the_keys_must_agree() -> None:
    rules = SignupRules(prefix=None, allow_premium=False)
    assert parse_signup(body(), rules).keys == tuple(KEYS.values())
    foreign = "BTS" + KEYS["memo_key"].removeprefix("TEST")
    with pytest.raises(FaucetError) as caught:
        parse_signup(body(memo_key=foreign), rules)
    assert (caught.value.code, caught.value.field) == (Code.INVALID_KEY, "memo_key")


def test_names_that_are_only_tried_out() -> None:
    assert is_test_name("test-faucet-1")
    assert not is_test_name("my-test-faucet")


@given(st.binary(max_size=300))
def test_any_bytes_are_a_signup_or_refused(data: bytes) -> None:
    with pytest.raises(FaucetError):
        parse_signup(data, RULES)


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(list(KEYS.values())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["name", *KEYS, "email", "referrer", "refcode"]), _json))
def test_any_account_is_a_signup_or_refused_with_a_known_code(account: dict[str, Any]) -> None:
    try:
        signup = parse_signup(json.dumps({"account": account}).encode(), RULES)
    except FaucetError:
        return
    assert signup.name == account["name"]


@given(st.sampled_from(["name", *KEYS, "email", "referrer", "refcode", "real_name", "note"]))
def test_private_key_is_refused_wherever_it_stands(field: str) -> None:
    with pytest.raises(FaucetError) as caught:
        parse_signup(body(**{field: REGISTRAR_WIF}), RULES)
    assert caught.value.code is Code.PRIVATE_KEY_SENT
    assert REGISTRAR_WIF not in repr(caught.value.args)
    assert caught.value.__cause__ is None
