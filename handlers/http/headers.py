"""The headers that replies carry, and those of a request that every reply depends on."""

import random
import re
from collections.abc import Callable, Sequence

from tornado.httputil import HTTPHeaders

from jobs.settings import Settings

ALLOWED = "Content-Type, Prefer, X-Request-ID"  #: request headers for a preflight that names none
EXPOSED = "Location, Retry-After, X-Request-ID, Preference-Applied"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  # RFC 9110's word for a word
_FIELD_NAMES = re.compile(rf"{_TOKEN}(?:[ \t]*,[ \t]*{_TOKEN})*")


def random_request_id() -> str:
    """48 random bits in hex, enough to find a request in the log; no secret, so the system need not be asked."""
    return f"{random.getrandbits(48):012x}"


def request_id_of(headers: HTTPHeaders, random_id: Callable[[], str]) -> str:
    """What the request is called: as the client says, if that is sane."""
    given = headers.get("X-Request-ID", "")
    return given if _SANE_ID.fullmatch(given) else random_id()


def base_headers(request_id: str) -> dict[str, str]:
    """What every reply carries."""
    return {"X-Request-ID": request_id, "Server": "faucet", "X-Content-Type-Options": "nosniff"}


#: What replies in JSON carry besides.
JSON = {"Content-Type": "application/json; charset=UTF-8", "Cache-Control": "no-store"}


def cors_headers(settings: Settings, origin: str | None) -> dict[str, str]:
    """What lets the pages of `cors_origins` read a reply."""
    return {**_allow(settings.cors_origins, origin), "Access-Control-Expose-Headers": EXPOSED}


def preflight_headers(methods: Sequence[str], requested: str | None) -> dict[str, str]:
    """What a preflight for the header names in `requested` is told: each client sends its own."""
    named = requested is not None and _FIELD_NAMES.fullmatch(requested.strip()) is not None
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": requested.strip() if requested is not None and named else ALLOWED,
        "Access-Control-Max-Age": "86400",
    }


def _allow(origins: Sequence[str], origin: str | None) -> dict[str, str]:
    if "*" in origins:
        return {"Access-Control-Allow-Origin": "*"}
    if origin is not None and origin in origins:
        return {"Vary": "Origin", "Access-Control-Allow-Origin": origin}
    return {"Vary": "Origin"}
