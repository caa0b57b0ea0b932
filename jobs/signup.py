"""From a raw request to a typed signup: every check that needs neither ledger nor chain. Pure."""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from chain.keys import InvalidKeyError, key_prefix, looks_private, parse_public_key
from chain.names import is_cheap, name_problem
from jobs.errors import Code, FaucetError
from jobs.model import Signup

BODY_MOST = 16 * 1024  #: bytes of a request
NESTING_MOST = 8  #: levels of braces and brackets; a signup has two
TEXT_MOST = 255  #: characters of a field that is only kept
TEST_NAME = "test-faucet"  #: a name that begins so is checked and not kept, as in the predecessor

KEY_FIELDS = ("owner_key", "active_key", "memo_key")
NEEDED_FIELDS = ("name", *KEY_FIELDS)
KEPT_FIELDS = ("refcode", "email", "real_name")
TEXT_FIELDS = (*NEEDED_FIELDS, "referrer", *KEPT_FIELDS)

_has_control_character = re.compile(r"[\x00-\x1f\x7f]").search
_decode = msgspec.json.Decoder().decode


class SignupRules(msgspec.Struct, frozen=True):
    """What depends on the chain and the configuration."""

    prefix: str | None  #: of public keys; None while no node was ever met: then all three must agree
    allow_premium: bool
    required_fields: tuple[str, ...] = ()


def parse_signup(body: bytes, rules: SignupRules, referrer_in_path: str | None = None) -> Signup:
    """The signup in `body`; a referrer in the path goes before one in the body.

    Raises FaucetError with the codes too_large, bad_request, private_key_sent, missing_field, invalid_name,
    premium_name, invalid_key and unknown_referrer. No sentence repeats what was sent.
    """
    account = _account(body)
    _refuse_private_keys(account)
    fields = {name: _text(account, name) for name in TEXT_FIELDS}
    if referrer_in_path is not None:
        fields["referrer"] = referrer_in_path
    _check_present(fields, (*NEEDED_FIELDS, *rules.required_fields))
    name = fields["name"] or ""
    check_name(name, allow_premium=rules.allow_premium)
    owner, active, memo = (fields[field] or "" for field in KEY_FIELDS)
    _check_keys((owner, active, memo), rules.prefix)
    referrer = _referrer(fields["referrer"])
    kept = {field: fields[field] or None for field in KEPT_FIELDS}
    return Signup(name=name, owner_key=owner, active_key=active, memo_key=memo, referrer=referrer, **kept)


def check_name(name: str, *, allow_premium: bool) -> None:
    """Raises FaucetError invalid_name or premium_name unless `name` may be registered."""
    if problem := name_problem(name):
        raise FaucetError(Code.INVALID_NAME, problem, field="name")
    if not allow_premium and not is_cheap(name):
        raise FaucetError(Code.PREMIUM_NAME, "Only cheap names allowed!", field="name")


def is_test_name(name: str) -> bool:
    """Whether a signup of `name` is checked and not kept."""
    return name.startswith(TEST_NAME)


def _account(body: bytes) -> dict[str, Any]:
    """The object `account` of the request."""
    if len(body) > BODY_MOST:
        raise FaucetError(Code.TOO_LARGE, f"The request is larger than {BODY_MOST} bytes.")
    # Counted before decoding, so that no depth can exhaust the decoder's stack.
    if body.count(b"{") + body.count(b"[") > NESTING_MOST:
        _check_nesting(body)
    try:
        request = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FaucetError(Code.BAD_REQUEST, "The request is not JSON.") from None
    if not isinstance(request, dict):
        raise FaucetError(Code.BAD_REQUEST, "The request must be a JSON object.")
    account = request.get("account")
    if not isinstance(account, dict):
        raise FaucetError(Code.BAD_REQUEST, "The request must have an object 'account'.", field="account")
    return account


def _check_nesting(body: bytes) -> None:
    depth = 0
    for byte in body:
        depth += (byte in b"{[") - (byte in b"}]")
        if depth > NESTING_MOST:
            raise FaucetError(Code.BAD_REQUEST, "The request is nested too deeply.")


def _refuse_private_keys(account: dict[str, Any]) -> None:
    """Look at every text first: a private key must be refused by name, and be seen by nothing after this."""
    for field, value in account.items():
        if isinstance(value, str) and looks_private(value):
            raise FaucetError(
                Code.PRIVATE_KEY_SENT,
                "A private key was sent where a public one belongs. It was not kept, but consider it exposed: "
                "make new keys and sign up with those.",
                field=field if field in TEXT_FIELDS else None,
            )


def _text(account: dict[str, Any], field: str) -> str | None:
    """The text in `field`, None if there is none."""
    value = account.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise FaucetError(Code.BAD_REQUEST, f"'{field}' must be a text.", field=field)
    if field in KEPT_FIELDS and len(value) > TEXT_MOST:
        raise FaucetError(Code.BAD_REQUEST, f"'{field}' is longer than {TEXT_MOST} characters.", field=field)
    if _has_control_character(value):
        raise FaucetError(Code.BAD_REQUEST, f"'{field}' has a control character.", field=field)
    return value


def _check_present(fields: dict[str, str | None], needed: Iterable[str]) -> None:
    for field in needed:
        if not fields[field]:
            raise FaucetError(Code.MISSING_FIELD, f"Please provide '{field}'", field=field)


def _check_keys(keys: tuple[str, str, str], prefix: str | None) -> None:
    for field, key in zip(KEY_FIELDS, keys, strict=True):
        try:
            parse_public_key(key, prefix or key_prefix(keys[0]))
        except InvalidKeyError as error:
            raise FaucetError(Code.INVALID_KEY, f"'{field}' {error}.", field=field) from None


def _referrer(name: str | None) -> str | None:
    if not name:
        return None
    if name_problem(name):
        raise FaucetError(Code.UNKNOWN_REFERRER, "Unknown referrer: not an account's name", field="referrer")
    return name
