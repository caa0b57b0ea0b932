"""API keys as operators ask for them."""

import re
from collections.abc import Iterable

from jobs.errors import Code, FaucetError
from jobs.model.api_key import MAX_NAME, MAX_ORIGINS, NewApiKey

MAX_ORIGIN = 200  #: characters

#: As browsers send it (RFC 6454, 6.2): a host's name in ASCII, and a port unless it is the scheme's own.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_OWN_PORT = re.compile(r"(?<=^https)(://.*):443$|(?<=^http)(://.*):80$")


def new_api_key(*, name: str, per_minute: int | None, per_day: int | None, origins: Iterable[str]) -> NewApiKey:
    """An API key to be created; a rate of None is the default. Raises FaucetError bad_request."""
    name = name.strip()
    if not 0 < len(name) <= MAX_NAME:
        raise FaucetError(Code.BAD_REQUEST, f"An API key needs a name of up to {MAX_NAME} characters.", field="name")
    rates = {"per_minute": per_minute, "per_day": per_day}
    given = {field: rate for field, rate in rates.items() if rate is not None}
    return NewApiKey(name=name, origins=_origins(origins), **given)


def _origins(texts: Iterable[str]) -> tuple[str, ...]:
    origins = tuple(dict.fromkeys(_origin(text) for text in texts))
    if len(origins) > MAX_ORIGINS:
        raise _refusal(f"An API key has at most {MAX_ORIGINS} origins.")
    return origins


def _origin(text: str) -> str:
    """An origin as browsers send it."""
    origin = _OWN_PORT.sub(r"\1\2", text.strip().lower().removesuffix("/"))
    if len(origin) > MAX_ORIGIN or not _ORIGIN.fullmatch(origin):
        raise _refusal("An origin is a scheme, a host and perhaps a port, such as https://wallet.example.")
    return origin


def _refusal(sentence: str) -> FaucetError:
    return FaucetError(Code.BAD_REQUEST, sentence, field="origins")
