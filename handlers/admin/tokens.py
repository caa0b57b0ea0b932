"""The random ids in the operators' cookies, and what is derived from them and from the key of the cookies. Pure."""

import hmac
import re
import secrets

_ID = re.compile(r"[A-Za-z0-9_-]{43}")


def random_id() -> str:
    """256 random bits for a cookie."""
    return secrets.token_urlsafe(32)


def is_id(text: str | None) -> bool:
    """Whether `text` looks like what random_id makes."""
    return text is not None and _ID.fullmatch(text) is not None


def form_token(key: bytes, cookie: str, value: str) -> str:
    """The token of forms that are sent with this cookie, by its name and value."""
    # Half of it: 64 hex digits in a request are taken for a private key.
    return hmac.digest(key, f"form {cookie} {value}".encode(), "sha256")[:16].hex()


def is_token(sent: str, token: str) -> bool:
    """Whether `sent`, any text, is `token`. It takes the same time either way."""
    return hmac.compare_digest(sent.encode(errors="replace"), token.encode())


def key_id(key: bytes) -> str:
    """A name for `key` that tells it from others and gives nothing of it away."""
    return hmac.digest(key, b"key id", "sha256").hex()
