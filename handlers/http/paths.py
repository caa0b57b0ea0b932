"""Request targets: their canonical spelling, and which of them are signups."""

import re
from urllib.parse import unquote_to_bytes

from jobs.errors import Code, FaucetError

#: Addresses of signups without a referrer.
PLAIN = ("/api/v1/accounts", "/faucet")

#: The API and its aliases. Only there are extra slashes ignored: a proxy may restrict other paths by their names.
_API = re.compile(r"/(?:api(?:/.*)?|faucet|[^/]+/api/v1/accounts)")
_SIGNUP = re.compile(r"/(?:api/v1/accounts|faucet|([^/]+)/api/v1/accounts)")
NO_REFERRER = "faucet"  #: stands in the referrer's place in the path of wallets that know none
_CONTROL = re.compile(rb"[\0-\x1f\x7f]")
_SLASHES = re.compile("/{2,}")
_ABSOLUTE = re.compile(r"https?://([^/?]*)(.*)", re.IGNORECASE)


def split_absolute(target: str) -> tuple[str | None, str]:
    """The host of a target in absolute form, None in origin form, and the target from the path on (RFC 9112, 3.2.2)."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        return None, target
    host, rest = absolute[1].rpartition("@")[2], absolute[2]
    return host, rest if rest.startswith("/") else f"/{rest}"


def plain_target(target: str) -> str:
    """The canonical spelling of `target`: repeated slashes collapse, a trailing one is dropped."""
    path, mark, query = target.partition("?")
    spelled = _SLASHES.sub("/", path)
    if len(spelled) > 1:
        spelled = spelled.removesuffix("/")
    return spelled + mark + query if _API.fullmatch(spelled) else target


def has_control_characters(path: str) -> bool:
    """Whether `path`, decoded, holds ASCII control characters: no address of ours does, and files and headers can't."""
    return path not in PLAIN and _CONTROL.search(unquote_to_bytes(path)) is not None


def is_signup(path: str) -> bool:
    """Whether the canonical `path` is an address of signups."""
    return path in PLAIN or _SIGNUP.fullmatch(path) is not None


def referrer_in(path: str) -> str | None:
    """The referrer that the canonical `path` of a signup names, if any. Raises FaucetError bad_request."""
    match = None if path in PLAIN else _SIGNUP.fullmatch(path)
    if match is None or match[1] is None:
        return None
    try:
        referrer = unquote_to_bytes(match[1]).decode()
    except UnicodeDecodeError:
        raise FaucetError(Code.BAD_REQUEST, "The address is not UTF-8.") from None
    return None if referrer == NO_REFERRER else referrer
