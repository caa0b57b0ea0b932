"""From a raw request to a signup. What is refused is tested over HTTP; here are properties."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import Code, FaucetError
from jobs.model.job import RequestedSignup
from jobs.signup import SignupRules, exposure, is_test_name, parse_signup
from tests.harness.program import REGISTRAR_WIF, keys_of

RULES = SignupRules(prefix="TEST", allow_premium=False)
KEYS = keys_of("alice-1")


def body(**changes: Any) -> bytes:
    return json.dumps({"account": {"name": "alice-1", **KEYS, **changes}}).encode()


def test_signup_has_all_submitted_fields() -> None:
    optional = {"refcode": "r", "email": "a@b.c", "real_name": "Ada", "referrer": "bob-1"}
    assert parse_signup(body(**optional), RULES) == RequestedSignup("alice-1", **KEYS, **optional)


def test_referrer_in_the_path_takes_precedence() -> None:
    assert parse_signup(body(referrer="bob-1"), RULES, "carol-1").referrer == "carol-1"


def test_unknown_fields_are_ignored() -> None:
    assert parse_signup(body(shoe_size=44), RULES).name == "alice-1"


def test_premium_names_where_they_are_allowed() -> None:
    assert parse_signup(body(name="alice"), SignupRules("TEST", allow_premium=True)).name == "alice"


def test_required_fields() -> None:
    rules = SignupRules("TEST", allow_premium=False, required_fields=("email",))
    with pytest.raises(FaucetError, match="Please provide 'email'") as caught:
        parse_signup(body(), rules)
    assert caught.value.code is Code.MISSING_FIELD


def test_key_prefixes_must_agree_before_the_first_node() -> None:
    rules = SignupRules(prefix=None, allow_premium=False)
    assert parse_signup(body(), rules).keys == tuple(KEYS.values())
    foreign = "BTS" + KEYS["memo_key"].removeprefix("TEST")
    with pytest.raises(FaucetError) as caught:
        parse_signup(body(memo_key=foreign), rules)
    assert (caught.value.code, caught.value.field) == (Code.INVALID_KEY, "memo_key")


def test_test_names() -> None:
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


@pytest.mark.parametrize("field", ["name", *KEYS, "email", "referrer", "refcode", "real_name"])
def test_private_key_refusal_names_the_field(field: str) -> None:
    error = exposure("/faucet", body(**{field: f"see {REGISTRAR_WIF}"}))
    assert error is not None
    assert (error.code, error.field) == (Code.PRIVATE_KEY_SENT, field)
    assert REGISTRAR_WIF not in error.sentence


@pytest.mark.parametrize(
    ("head", "sent"),
    [
        ("/faucet", body(note=REGISTRAR_WIF)),
        ("/faucet", body(note={"deep": [{"er": REGISTRAR_WIF}]})),
        ("/faucet", json.dumps({"wif": REGISTRAR_WIF}).encode()),
        ("/faucet", f"owner_key={REGISTRAR_WIF}".encode()),
        ("/faucet", b"[" * 3000 + REGISTRAR_WIF.encode()),
        (f"/faucet?key={REGISTRAR_WIF}", body()),
        (f"/{REGISTRAR_WIF}/api/v1/accounts", body()),
        (f"/faucet?key=%{ord(REGISTRAR_WIF[0]):x}{REGISTRAR_WIF[1:]}", body()),
    ],
)
def test_private_key_anywhere_in_a_request(head: str, sent: bytes) -> None:
    error = exposure(head, sent)
    assert error is not None
    assert (error.code, error.field) == (Code.PRIVATE_KEY_SENT, None)


def test_chain_id_is_not_a_private_key() -> None:
    chain_id = "0123456789abcdef" * 4
    assert exposure(chain_id, body(refcode=chain_id), (chain_id,)) is None
    assert exposure("/faucet", body(refcode=chain_id)) is not None


@pytest.mark.parametrize("word", ["", "null", "undefined"])
def test_spelled_out_absent_referrer_is_none(word: str) -> None:
    assert parse_signup(body(referrer=word), RULES).referrer is None


def test_referrer_given_as_an_id() -> None:
    assert parse_signup(body(referrer="1.2.0"), RULES).referrer == "1.2.0"


@pytest.mark.parametrize("text", ["1.2", "1.2.", "1.3.0", "1.2.007", "1.2.-1", "1.2.1234567890123456", "Bob", "b\n"])
def test_malformed_referrer(text: str) -> None:
    with pytest.raises(FaucetError) as caught:
        parse_signup(body(referrer=text), RULES)
    assert (caught.value.code, caught.value.field) == (Code.UNKNOWN_REFERRER, "referrer")


def test_byte_order_mark_is_ignored() -> None:
    assert parse_signup(b"\xef\xbb\xbf" + body(), RULES).name == "alice-1"


def test_brackets_inside_strings_do_not_nest() -> None:
    assert parse_signup(body(real_name="{{{{[[[[{{{{"), RULES).real_name == "{{{{[[[[{{{{"


@pytest.mark.parametrize(("levels", "fits"), [(7, True), (8, False), (2000, False)])
def test_nesting(levels: int, fits: bool) -> None:
    """`levels` within the request's own object."""
    nested = body()[:-1] + b', "note": ' + b"[" * levels + b"]" * levels + b"}"
    if fits:
        assert parse_signup(nested, RULES).name == "alice-1"
    else:
        with pytest.raises(FaucetError) as caught:
            parse_signup(nested, RULES)
        assert caught.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize("field", ["name", "owner_key", "email", "real_name"])
@pytest.mark.parametrize("half", [rb"\ud83d", rb"\ude00 x", b"\xf0\x9f\x98", b"\xed\xa0\xbd"])
def test_lone_surrogate_names_its_field(field: str, half: bytes) -> None:
    with pytest.raises(FaucetError) as caught:
        parse_signup(body(**{field: "HERE"}).replace(b"HERE", b"a" + half), RULES)
    assert (caught.value.code, caught.value.field) == (Code.BAD_REQUEST, field)


@pytest.mark.parametrize(
    ("field", "code"), [("name", Code.INVALID_NAME), ("memo_key", Code.INVALID_KEY), ("email", Code.BAD_REQUEST)]
)
def test_control_character_is_refused_by_its_fields_rule(field: str, code: Code) -> None:
    with pytest.raises(FaucetError) as caught:
        parse_signup(body(**{field: "alice\t1"}), RULES)
    assert (caught.value.code, caught.value.field) == (code, field)
