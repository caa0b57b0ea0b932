"""Private keys in requests: refused before anything looks at the request, so that they are neither kept nor logged."""

import json
from collections.abc import Container
from typing import Any
from urllib.parse import unquote_to_bytes

from chain.private_keys import holds_private_key
from jobs.errors import Code, FaucetError
from jobs.signup import TEXT_FIELDS

EXPOSED = (
    "A private key was sent. It was not kept, but consider it exposed: make new keys and sign up with those. "
    "Only public keys belong into a signup."
)


def exposure(head: str, body: bytes, public: Container[str] = ()) -> FaucetError | None:
    """The refusal of a request that holds a private key in `head`, its target or its id, or in `body`; or None.

    `public` are numbers of 64 hex digits, lower case, that are no secret: the chain's id.
    """
    if holds_private_key(body, public):
        return FaucetError(Code.PRIVATE_KEY_SENT, EXPOSED, field=_field(body, public))
    if head and holds_private_key(unquote_to_bytes(head), public):
        return FaucetError(Code.PRIVATE_KEY_SENT, EXPOSED)
    return None


def _field(body: bytes, public: Container[str]) -> str | None:
    """The field of the signup that holds the key; None where it stands elsewhere."""
    try:
        account: Any = json.loads(body)["account"]
        values = {field: json.dumps(account.get(field)).encode() for field in TEXT_FIELDS}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    return next((field for field, value in values.items() if holds_private_key(value, public)), None)
