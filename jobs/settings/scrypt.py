"""Password hashes of earlier versions: `$scrypt$` lines are still verified, and no longer made."""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

PREFIX = "$scrypt$"
MARGIN = 1024 * 1024  #: bytes that OpenSSL may use beside what scrypt itself needs

#: The PHC string format, with scrypt's parameters named as other programs name them.
_FORM = re.compile(
    r"\$scrypt\$ln=([0-9]{1,2}),r=([0-9]{1,2}),p=([0-9]{1,2})"
    r"\$([A-Za-z0-9+/]{11,86})"  # the salt, 8 to 64 bytes
    r"\$([A-Za-z0-9+/]{22,86})"  # the digest, 16 to 64 bytes
)


@dataclass(frozen=True, slots=True)
class ScryptHash:
    """A parsed `$scrypt$` line."""

    log_n: int  #: binary logarithm of scrypt's N
    r: int
    p: int
    salt: bytes
    digest: bytes

    @property
    def memory(self) -> int:
        """What scrypt needs, bytes (RFC 7914, sections 5 and 6)."""
        return 128 * self.r * ((1 << self.log_n) + self.p + 2)

    @property
    def is_valid(self) -> bool:
        """Whether scrypt is defined for these parameters."""
        return 1 <= self.log_n < 16 * self.r and self.p >= 1

    def verify(self, password: bytes) -> bool:
        """Whether the hash is that of `password`, in constant time."""
        digest = hashlib.scrypt(
            password, salt=self.salt, n=1 << self.log_n, r=self.r, p=self.p,
            maxmem=self.memory + MARGIN, dklen=len(self.digest),
        )  # fmt: skip
        return hmac.compare_digest(digest, self.digest)


def parse_scrypt(line: str) -> ScryptHash | None:
    """The parsed `line`; None unless it is a whole `$scrypt$` line with parameters that scrypt takes."""
    found = _FORM.fullmatch(line)
    if found is None:
        return None
    log_n, r, p, *texts = found.groups()
    try:
        salt, digest = (base64.b64decode(text + "=" * (-len(text) % 4), validate=True) for text in texts)
    except binascii.Error:
        return None
    parsed = ScryptHash(int(log_n), int(r), int(p), salt, digest)
    return parsed if parsed.is_valid else None
