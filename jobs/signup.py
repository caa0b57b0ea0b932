"""From a raw request to a typed signup: every check that needs neither ledger nor chain. Pure."""

import json
import re
from collections.abc import Container, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from chain.keys import InvalidKeyError, are_public_keys, key_prefix, parse_public_key
from chain.names import is_account_id, is_cheap, name_problem
from chain.private_keys import holds_private_key
from jobs.errors import Code, FaucetError
from jobs.model.job import RequestedSignup, Signup

MAX_BODY = 16 * 1024  #: bytes of a request
MAX_NESTING = 8  #: levels of braces and brackets; a signup has two
MAX_TEXT = 255  #: characters of a field that is only kept
TEST_NAME = "test-faucet"  #: a name that begins so is checked and not kept, as in the predecessor

KEY_FIELDS = ("owner_key", "active_key", "memo_key")
NEEDED_FIELDS = ("name", *KEY_FIELDS)
KEPT_FIELDS = ("refcode", "email", "real_name")
TEXT_FIELDS = (*NEEDED_FIELDS, "referrer", "invite", "work", *KEPT_FIELDS)

#: What programs write where there is no referrer.
NO_REFERRER = frozenset({"", "null", "undefined"})

EXPOSED = (
    "A private key was sent. It was not kept, but consider it exposed: make new keys and sign up with those. "
    "Only public keys belong into a signup."
)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_has_surrogate = re.compile(r"[\ud800-\udfff]").search
_has_control_character = re.compile(r"[\x00-\x1f\x7f]").search
_decode = msgspec.json.Decoder().decode
_Account = msgspec.defstruct(
    "_Account", [(field, str | None, None) for field in TEXT_FIELDS], forbid_unknown_fields=True
)


class _PlainRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A request that has nothing but texts, as nearly all are."""

    account: _Account  # type: ignore[valid-type]  # it is known at run time


_decode_plain = msgspec.json.Decoder(_PlainRequest).decode


class SignupRules(msgspec.Struct, frozen=True):
    """What depends on the chain and the configuration."""

    prefix: str | None  #: of public keys; None while no node was ever met: then all three must agree
    allow_premium: bool
    reserved_ending: str | None = None  #: that names may not have; None while no node was met, too
    required_fields: tuple[str, ...] = ()


def parse_signup(body: bytes, rules: SignupRules, referrer_in_path: str | None = None) -> RequestedSignup:
    """The signup in `body`; a referrer in the path goes before one in the body.

    Raises FaucetError with the codes too_large, bad_request, missing_field, invalid_name, premium_name, invalid_key
    and unknown_referrer. No sentence repeats what was sent.
    """
    fields = _texts(body)
    fields["referrer"] = referrer_in_path or (None if fields["referrer"] in NO_REFERRER else fields["referrer"])
    _check_present(fields, (*NEEDED_FIELDS, *rules.required_fields))
    name = fields["name"] or ""
    check_name(name, rules)
    owner, active, memo = (fields[field] or "" for field in KEY_FIELDS)
    _check_keys((owner, active, memo), rules.prefix)
    referrer = fields["referrer"]
    if referrer is not None and spelled_account(referrer) is None:
        raise FaucetError(Code.UNKNOWN_REFERRER, "Unknown referrer: not an account's name", field="referrer")
    kept = {field: fields[field] or None for field in KEPT_FIELDS}
    return RequestedSignup(
        name=name,
        owner_key=owner,
        active_key=active,
        memo_key=memo,
        referrer=referrer,
        invite=fields["invite"] or None,
        work=fields["work"] or None,
        **kept,
    )


def spelled_account(text: str) -> str | None:
    """The name or the id of an account that `text` is; None if it is neither, or one of NO_REFERRER."""
    if text in NO_REFERRER:
        return None
    return text if is_account_id(text) or name_problem(text) is None else None


def has_referrer_by_id(signup: Signup) -> bool:
    """Whether `signup` gives its referrer's id, the other spelling of a name."""
    return signup.referrer is not None and is_account_id(signup.referrer)


def check_name(name: str, rules: SignupRules) -> None:
    """Raises FaucetError invalid_name or premium_name unless `name` may be registered."""
    if problem := name_problem(name, rules.reserved_ending):
        raise FaucetError(Code.INVALID_NAME, problem, field="name")
    if not rules.allow_premium and not is_cheap(name):
        raise FaucetError(Code.PREMIUM_NAME, "Only cheap names allowed!", field="name")


def is_test_name(name: str) -> bool:
    """Whether a signup of `name` is checked and not kept."""
    return name.startswith(TEST_NAME)


def _texts(body: bytes) -> dict[str, str | None]:
    """The texts of the request's account, by TEXT_FIELDS."""
    if len(body) > MAX_BODY:
        raise FaucetError(Code.TOO_LARGE, f"The request is larger than {MAX_BODY} bytes.")
    try:
        texts: dict[str, str | None] = msgspec.structs.asdict(_decode_plain(body).account)
    except (msgspec.DecodeError, UnicodeDecodeError):
        account = _account(body)
        texts = {field: _text(account, field) for field in TEXT_FIELDS}
    for field in KEPT_FIELDS:
        if (text := texts[field]) is not None:
            _check_kept(field, text)
    return texts


def _account(body: bytes) -> dict[str, Any]:
    """The object `account` of the request."""
    text = body.removeprefix(_BYTE_ORDER_MARK)
    try:
        request = _decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _unreadable(text) from None
    # Text may hold any number of brackets: counting them only spares the walk.
    if text.count(b"{") + text.count(b"[") > MAX_NESTING and _is_nested_deeper(request, MAX_NESTING):
        raise FaucetError(Code.BAD_REQUEST, "The request is nested too deeply.")
    if not isinstance(request, dict):
        raise FaucetError(Code.BAD_REQUEST, "The request must be a JSON object.")
    account = request.get("account")
    if not isinstance(account, dict):
        raise FaucetError(Code.BAD_REQUEST, "The request must have an object 'account'.", field="account")
    return account


def _is_nested_deeper(value: Any, levels: int) -> bool:
    """Whether `value` holds objects and arrays on more than so many levels."""
    level = [value]
    for _ in range(levels):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _members(outer)]
    return any(isinstance(inner, dict | list) for inner in level)


def _members(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _unreadable(body: bytes) -> FaucetError:
    """Why `body` can't be read; half a character, as clients cut emojis, names its field."""
    try:
        account = json.loads(body.decode(errors="surrogateescape"))["account"]
        texts = {field: account.get(field) for field in TEXT_FIELDS}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        texts = {}
    for field, text in texts.items():
        if isinstance(text, str) and _has_surrogate(text):
            return FaucetError(Code.BAD_REQUEST, f"'{field}' has half a character.", field=field)
    return FaucetError(Code.BAD_REQUEST, "The request is not JSON.")


def _text(account: dict[str, Any], field: str) -> str | None:
    """The text in `field`, None if there is none."""
    value = account.get(field)
    if value is None:
        return None
    if not isinstance(value, str):
        raise FaucetError(Code.BAD_REQUEST, f"'{field}' must be a text.", field=field)
    return value


def _check_kept(field: str, text: str) -> None:
    """Raises FaucetError bad_request for a text that has no other rules than these."""
    if len(text) > MAX_TEXT:
        raise FaucetError(Code.BAD_REQUEST, f"'{field}' is longer than {MAX_TEXT} characters.", field=field)
    if _has_control_character(text):
        raise FaucetError(Code.BAD_REQUEST, f"'{field}' has a control character.", field=field)


def _check_present(fields: dict[str, str | None], needed: Iterable[str]) -> None:
    for field in needed:
        if not fields[field]:
            raise FaucetError(Code.MISSING_FIELD, f"Please provide '{field}'", field=field)


def _check_keys(keys: tuple[str, str, str], prefix: str | None) -> None:
    if prefix is not None and are_public_keys(keys, prefix):
        return
    for field, key in zip(KEY_FIELDS, keys, strict=True):
        try:
            parse_public_key(key, prefix or key_prefix(keys[0]))
        except InvalidKeyError as error:
            raise FaucetError(Code.INVALID_KEY, f"'{field}' {error}.", field=field) from None


def exposure(head: str, body: bytes, public: Container[str] = ()) -> FaucetError | None:
    """The refusal of a request that holds a private key in `head`, its target or its id, or in `body`; or None.

    `public` are numbers of 64 hex digits, lower case, that are no secret: the chain's id.
    """
    if holds_private_key(body, public):
        return FaucetError(Code.PRIVATE_KEY_SENT, EXPOSED, field=_field_with_key(body, public))
    if head and holds_private_key(unquote_to_bytes(head), public):
        return FaucetError(Code.PRIVATE_KEY_SENT, EXPOSED)
    return None


def _field_with_key(body: bytes, public: Container[str]) -> str | None:
    """The field of the signup that holds the key; None where it stands elsewhere."""
    try:
        account: Any = json.loads(body)["account"]
        values = {field: json.dumps(account.get(field)).encode() for field in TEXT_FIELDS}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    return next((field for field, value in values.items() if holds_private_key(value, public)), None)
