"""The operators' password: stored as an argon2id hash only, and the session key that depends on it."""

import base64
import binascii
import hmac
import re
import secrets
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from jobs.settings.scrypt import PREFIX as SCRYPT
from jobs.settings.scrypt import parse_scrypt

KEY_SIZE = 32  #: bytes

#: The second recommendation of RFC 9106, but with one lane: a login may take one core, not all of them.
HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
MAX_MEMORY = 1024 * 1024 * 1024  #: bytes; a hash that takes more was not made for this machine

#: The PHC string format as argon2 writes it: no leading zeros, no padding.
_FORM = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,7}),t=[1-9][0-9]?,p=([1-9][0-9]?)"
    r"\$([A-Za-z0-9+/]{11,86})"  # the salt, 8 to 64 bytes
    r"\$([A-Za-z0-9+/]{22,86})"  # the digest, 16 to 64 bytes
)


def hash_password(password: str, *, hasher: PasswordHasher = HASHER) -> str:
    """The hash of `password` for the configuration, with a new random salt each time."""
    return hasher.hash(_normalized(password))


def verify_password(password: str, hashed: str) -> bool:
    """Whether `hashed`, which passed `check_hash`, is a hash of `password`. It takes the same time either way."""
    typed = _normalized(password)
    if (scrypt := parse_scrypt(hashed)) is not None:
        return scrypt.verify(typed)
    try:
        return HASHER.verify(hashed, typed)
    except VerifyMismatchError:
        return False


def check_hash(hashed: str) -> None:
    """Return if `verify_password` can take `hashed`; raise ValueError, saying what it must be, if not."""
    memory = _scrypt_memory(hashed) if hashed.startswith(SCRYPT) else _argon2_memory(hashed)
    if memory is None:
        raise ValueError("must be a line that faucet.py hash-password printed")
    if memory > MAX_MEMORY:
        raise ValueError("takes more than a gigabyte of memory to verify")


def session_key(secret: str | None, hashed: str | None) -> bytes:
    """The key that signs sessions; a new password or a new secret makes another one.

    Without a secret it is random, so sessions end with the program.
    """
    root = secrets.token_bytes(KEY_SIZE) if secret is None else secret.encode()
    return hmac.digest(root, f"session {hashed}".encode(), "sha256")


def _normalized(password: str) -> bytes:
    # Keyboards differ in how they write the same letter (RFC 8265, 4.2.2).
    return unicodedata.normalize("NFC", password).encode()


def _scrypt_memory(hashed: str) -> int | None:
    """Bytes that verifying takes; None if `hashed` is malformed."""
    parsed = parse_scrypt(hashed)
    return None if parsed is None else parsed.memory


def _argon2_memory(hashed: str) -> int | None:
    """Bytes that verifying takes; None if `hashed` is malformed.

    argon2-cffi parses a hash only when it verifies one, and a mistake in the configuration must show at the start.
    """
    found = _FORM.fullmatch(hashed)
    if found is None:
        return None
    blocks, lanes, *texts = found.groups()  # a block has a KiB, and a lane at least eight of them
    return int(blocks) * 1024 if int(blocks) >= 8 * int(lanes) and all(map(_is_base64, texts)) else None


def _is_base64(text: str) -> bool:
    """Whether `text` is unpadded base64 whose unused last bits are zero, as argon2 demands."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return False
    return base64.b64encode(raw).decode().rstrip("=") == text
