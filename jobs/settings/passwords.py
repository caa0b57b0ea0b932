"""The operators' password: kept as a hash only, and the key that ends with it."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata
from dataclasses import dataclass

SALT_SIZE = 16  #: bytes
DIGEST_SIZE = 32  #: bytes
SCRYPT_MARGIN = 1024 * 1024  #: bytes that OpenSSL may use beside what scrypt itself needs

#: The string of the PHC string format, with the names of scrypt's parameters that other programs use there.
_FORM = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$([A-Za-z0-9+/]{11,86})"  # the salt, 8 to 64 bytes
    r"\$([A-Za-z0-9+/]{22,86})"  # the digest, 16 to 64 bytes
)


@dataclass(frozen=True, slots=True)
class Cost:
    """How much work and memory one look at a password takes."""

    log_n: int  #: binary logarithm of scrypt's N
    r: int
    p: int

    @property
    def memory(self) -> int:
        """What scrypt needs, bytes (RFC 7914, sections 5 and 6)."""
        return 128 * self.r * ((1 << self.log_n) + self.p + 2)


#: A quarter of a second and 32 MiB: one of the settings that OWASP takes for equally strong.
COST = Cost(log_n=15, r=8, p=3)
MAX_MEMORY = 1024 * 1024 * 1024  #: bytes; a hash that takes more was not made for this machine


def hash_password(password: str, *, cost: Cost = COST) -> str:
    """The hash of `password` for the configuration, another one each time."""
    salt = secrets.token_bytes(SALT_SIZE)
    digest = _scrypt(password, salt, cost, DIGEST_SIZE)
    return f"$scrypt$ln={cost.log_n},r={cost.r},p={cost.p}${_encode(salt)}${_encode(digest)}"


def verify_password(password: str, hashed: str) -> bool:
    """Whether `hashed` was made of `password`. It takes the same time either way.

    Raises ValueError if `hashed` is none of `hash_password`'s.
    """
    cost, salt, digest = _parse(hashed)
    return hmac.compare_digest(_scrypt(password, salt, cost, len(digest)), digest)


def check_hash(hashed: str) -> None:
    """Raise ValueError unless `hashed` is one of `hash_password`'s, saying what it must be."""
    _parse(hashed)


def session_key(secret: str | None, hashed: str | None) -> bytes:
    """What sessions are signed with: another one after a change of the password or of the secret.

    Without a secret it is random, so that the sessions end with the program.
    """
    root = secrets.token_bytes(DIGEST_SIZE) if secret is None else secret.encode()
    return hmac.digest(root, f"session {hashed}".encode(), "sha256")


def _scrypt(password: str, salt: bytes, cost: Cost, size: int) -> bytes:
    # The same letters can be typed in two ways; one of them is chosen (RFC 8265, 4.2.2).
    typed = unicodedata.normalize("NFC", password).encode()
    limit = cost.memory + SCRYPT_MARGIN
    return hashlib.scrypt(typed, salt=salt, n=1 << cost.log_n, r=cost.r, p=cost.p, maxmem=limit, dklen=size)


def _parse(hashed: str) -> tuple[Cost, bytes, bytes]:
    found = _FORM.fullmatch(hashed)
    if found is None:
        raise ValueError("must be a line that faucet.py hash-password printed")
    cost = Cost(*(int(number) for number in found.groups()[:3]))
    if not (1 <= cost.log_n < 16 * cost.r and cost.p >= 1 and cost.memory <= MAX_MEMORY):
        raise ValueError("asks for more memory than a gigabyte, or for none")
    try:
        salt, digest = (_decode(text) for text in found.groups()[3:])
    except binascii.Error:
        raise ValueError("is cut off") from None
    return cost, salt, digest


def _encode(raw: bytes) -> str:
    """Base64 without padding, as the PHC string format wants it."""
    return base64.b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
