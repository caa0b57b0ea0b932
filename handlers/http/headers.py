"""Headers of replies, and the request id and CORS headers that they derive from the request."""

import random
import re
from collections.abc import Callable, Mapping, Sequence
from http.client import responses

from jobs.errors import Code, FaucetError
from jobs.model.api_key import hash_of_key
from jobs.settings import Settings

ALLOWED = "Authorization, Content-Type, Prefer, X-Request-ID"  #: request headers for a preflight that names none
EXPOSED = "Location, Retry-After, X-Request-ID, Preference-Applied"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # a token of RFC 9110, 5.6.2
_FIELD_NAMES = re.compile(rf"{_TOKEN}(?:[ \t]*,[ \t]*{_TOKEN})*")


def random_request_id() -> str:
    """48 random bits in hex: enough to find a request in the log. Not a secret, so no system randomness."""
    return f"{random.getrandbits(48):012x}"


def request_id_of(headers: Mapping[str, str], random_id: Callable[[], str]) -> str:
    """The client's request id if it is sane, else a new one."""
    given = headers.get("X-Request-ID", "")
    return given if _SANE_ID.fullmatch(given) else random_id()


def api_key_hash_of(headers: Mapping[str, str]) -> str | None:
    """What the ledger keeps of the client's API key (RFC 6750, 2.1); None where the client sends none.

    What has another scheme is for somebody else, such as a proxy that asks for a password and passes it on. Raises
    FaucetError invalid_api_key for no key after Bearer, and for what has no scheme, as a key that was sent alone.
    """
    scheme, _, key = headers.get("Authorization", "").strip(" ").partition(" ")
    is_bearer = scheme.lower() == "bearer"
    if not scheme or (key and not is_bearer):
        return None
    found = hash_of_key(key.strip(" ")) if is_bearer else None
    if found is None:
        raise FaucetError(Code.INVALID_API_KEY, "The header Authorization must have 'Bearer' and an API key.")
    return found


def base_headers(request_id: str) -> dict[str, str]:
    """Headers of every reply."""
    return {"X-Request-ID": request_id, "Server": "faucet", "X-Content-Type-Options": "nosniff"}


def reply_bytes(status: int, headers: Mapping[str, str], body: bytes) -> bytes:
    """A whole reply as it is sent."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    return f"HTTP/1.1 {status} {responses[status]}\r\n{lines}\r\n".encode("latin1") + body


#: Further headers of JSON replies.
JSON = {"Content-Type": "application/json; charset=UTF-8", "Cache-Control": "no-store"}


def cors_headers(settings: Settings, origin: str | None) -> dict[str, str]:
    """Headers that let the pages of `cors_origins` read a reply."""
    return {**_allow(settings.cors_origins, origin), "Access-Control-Expose-Headers": EXPOSED}


def preflight_headers(methods: Sequence[str], requested: str | None) -> dict[str, str]:
    """The reply to a preflight: allows the header names in `requested`, since each client sends its own."""
    is_valid = requested is not None and _FIELD_NAMES.fullmatch(requested.strip()) is not None
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": requested.strip() if requested is not None and is_valid else ALLOWED,
        "Access-Control-Max-Age": "86400",
    }


def _allow(origins: Sequence[str], origin: str | None) -> dict[str, str]:
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*"}
    if origin is not None and origin in origins:
        return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}
    return {"Vary": "Origin"}
