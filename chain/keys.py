"""Public and private keys of a Graphene chain: strict reading, signing, recovery."""

import hashlib
import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Self

import coincurve
from coincurve._libsecp256k1 import ffi, lib  # the package offers no other way to its nonce data
from coincurve.context import GLOBAL_CONTEXT

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
#: Characters after the prefix: 33 bytes that begin with 2 or 3 and a checksum always make so many.
KEY_DIGITS = 50
CHECKSUM_SIZE = 4  #: bytes
POINT_SIZE = 33  #: bytes of a compressed point
WIF_VERSION = 0x80
HEADER = 31  #: first byte of a compact signature of a compressed key, recovery id 0 (fc elliptic)

_UNREAD = ffi.new("secp256k1_pubkey *")  #: the library wants a place for each point that it reads
_NO_DIGIT = 0xFF
_VALUES = bytes(ALPHABET.index(chr(byte)) if chr(byte) in ALPHABET else _NO_DIGIT for byte in range(256))
_LANE = 64  #: digits of a key in a number of several keys: a power of two
_MAX_LANES = 96  #: … of which more are no faster
_PREFIX = re.compile(r"[A-Z]+(?=[1-9A-HJ-NP-Za-km-z]{50}$)")


class InvalidKeyError(ValueError):
    """Text that is no key; the sentence says why and never repeats the text."""


def parse_public_key(text: str, prefix: str | None) -> bytes:
    """The 33 bytes of the compressed point that `text` writes; `prefix` None takes any chain's.

    Raises InvalidKeyError, saying which part is wrong: prefix, length, characters, checksum, point.
    """
    digits = text.removeprefix(key_prefix(text) if prefix is None else _checked_prefix(text, prefix))
    if len(digits) != KEY_DIGITS:
        raise InvalidKeyError(f"must have {KEY_DIGITS} characters after the prefix, not {len(digits)}")
    raw = base58_decode(digits)
    point, checksum = raw[:-CHECKSUM_SIZE], raw[-CHECKSUM_SIZE:]
    if _checksum(point) != checksum:
        raise InvalidKeyError("has a wrong checksum: a character is wrong or two are swapped")
    return _checked_point(point)


def are_public_keys(keys: Sequence[str], prefix: str) -> bool:
    """Whether `parse_public_key` would take all of them, in half its time."""
    if not _are_formed(keys, prefix):
        return False
    try:
        pairs = [(raw[:-CHECKSUM_SIZE], raw[-CHECKSUM_SIZE:]) for raw in _raw_keys(keys)]
    except InvalidKeyError:
        return False
    return all(_checksum(point) == checksum and _is_point(point) for point, checksum in pairs)


def key_prefix(text: str) -> str:
    """The chain's prefix that `text` begins with. Raises InvalidKeyError if it has none."""
    found = _PREFIX.match(text)
    if found is None:
        raise InvalidKeyError(f"must be a prefix in capital letters and {KEY_DIGITS} base58 characters")
    return found.group()


def format_public_key(raw: bytes, prefix: str) -> str:
    """`raw`, 33 bytes, as a chain with `prefix` writes it."""
    return prefix + base58_encode(raw + _checksum(raw))


def base58_decode(text: str) -> bytes:
    """The bytes that `text` writes in base58. Raises InvalidKeyError for a character outside its alphabet."""
    lane = 1 << (len(text) - 1).bit_length()
    number = _sums(text.rjust(lane, ALPHABET[0]), lane)
    zeros = len(text) - len(text.lstrip(ALPHABET[0]))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8)


def read_points(keys: Sequence[str], prefix: str) -> list[bytes]:
    """The compressed points that public `keys` write, which were parsed before: no checksum or point is checked.

    Raises InvalidKeyError for one that has another length or prefix, or a character outside the alphabet.
    """
    if not _are_formed(keys, prefix):
        raise InvalidKeyError(f"must be {prefix} and {KEY_DIGITS} characters")
    parts = [keys[first : first + _MAX_LANES] for first in range(0, len(keys), _MAX_LANES)]
    return [raw[:-CHECKSUM_SIZE] for part in parts for raw in _raw_keys(part)]


def _are_formed(keys: Sequence[str], prefix: str) -> bool:
    size = len(prefix) + KEY_DIGITS
    return all(len(key) == size and key.startswith(prefix) for key in keys)


def _raw_keys(keys: Sequence[str]) -> list[bytes]:
    """The points that `keys` write, each with its checksum."""
    padding = ALPHABET[0] * (_LANE - KEY_DIGITS)
    digits = "".join([padding + key[-KEY_DIGITS:] for key in keys])
    raw = _sums(digits, _LANE).to_bytes(len(digits))
    return [raw[end - POINT_SIZE - CHECKSUM_SIZE : end] for end in range(_LANE, len(raw) + 1, _LANE)]


def _sums(text: str, lane: int) -> int:
    """The number that each `lane` digits of `text` write, in as many bytes.

    All are added up side by side in one large number: first each two neighbours, then each two of these sums, and so
    on. A loop over the digits takes five times as long for the keys of a transaction.
    """
    values = text.encode().translate(_VALUES)
    if _NO_DIGIT in values:
        raise InvalidKeyError("has a character that base58 does not know (0, O, I, l or no letter)")
    number = int.from_bytes(values)
    for bits, weight, lower in _steps(lane, len(values)):
        number = (number >> bits & lower) * weight + (number & lower)
    return number


@lru_cache(maxsize=128)
def _steps(lane: int, digits: int) -> list[tuple[int, int, int]]:
    """For each addition of neighbours: the width of one in bits, the weight of the higher, a mask of the lower."""
    widths = [1 << step for step in range(lane.bit_length() - 1)]
    masks = (int.from_bytes((b"\0" * width + b"\xff" * width) * (digits // width // 2)) for width in widths)
    return [(8 * width, 58**width, mask) for width, mask in zip(widths, masks, strict=True)]


def base58_encode(raw: bytes) -> str:
    """`raw` in base58."""
    number = int.from_bytes(raw)
    digits = ""
    while number:
        number, value = divmod(number, 58)
        digits = ALPHABET[value] + digits
    zeros = len(raw) - len(raw.lstrip(b"\0"))
    return ALPHABET[0] * zeros + digits


class PrivateKey:
    """A private key, in memory only: its text form hides it."""

    def __init__(self, secret: bytes) -> None:
        """Raises ValueError unless `secret` is 32 bytes and a number below the curve's order."""
        self._key = coincurve.PrivateKey(secret)
        self.public: bytes = self._key.public_key.format(compressed=True)

    @classmethod
    def from_wif(cls, wif: str) -> Self:
        """The key in wallet import format. Raises InvalidKeyError without repeating it."""
        raw = base58_decode(wif.strip())
        body, checksum = raw[:-4], raw[-4:]
        if _double_sha256(body)[:4] != checksum or body[:1] != bytes([WIF_VERSION]):
            raise InvalidKeyError("is not a private key in wallet import format")
        secret = body[1:33]
        if len(body) not in (33, 34) or (len(body) == 34 and body[33] != 1):
            raise InvalidKeyError("is not a private key in wallet import format")
        try:
            return cls(secret)
        except ValueError:
            raise InvalidKeyError("is not a private key on the curve") from None

    def wif(self) -> str:
        """The key in wallet import format, for whoever must store it."""
        body = bytes([WIF_VERSION]) + self._key.secret
        return base58_encode(body + _double_sha256(body)[:4])

    def sign(self, digest: bytes) -> bytes:
        """A canonical compact signature of `digest`, 65 bytes, the same each time (RFC 6979)."""
        for counter in range(1, 2**32):
            data = ffi.new("unsigned char[32]", counter.to_bytes(32, "little"))
            signature = self._key.sign_recoverable(digest, hasher=None, custom_nonce=(ffi.NULL, data))
            if is_canonical(signature[:64]):
                return bytes([HEADER + signature[64]]) + signature[:64]
        raise AssertionError("half of all nonces make a canonical signature")

    def __repr__(self) -> str:
        return "PrivateKey(…)"


def is_canonical(signature: bytes) -> bool:
    """Whether the chain takes the 64 bytes r and s: neither negative nor padded (fc, is_fc_canonical)."""
    return all(
        not number[0] & 0x80 and not (number[0] == 0 and not number[1] & 0x80)
        for number in (signature[:32], signature[32:])
    )


def recover(digest: bytes, signature: bytes) -> bytes:
    """The 33 bytes of the public key that made `signature`, 65 bytes, of `digest`.

    Raises ValueError where there is none, or the signature is not canonical.
    """
    if len(signature) != 65 or not is_canonical(signature[1:]):
        raise ValueError("signature is not canonical")
    if not HEADER <= signature[0] < HEADER + 4:
        raise ValueError("unable to reconstruct public key from signature")
    compact = signature[1:] + bytes([signature[0] - HEADER])
    try:
        key = coincurve.PublicKey.from_signature_and_message(compact, digest, hasher=None)
    except Exception:  # noqa: BLE001  # coincurve raises bare Exception here
        raise ValueError("unable to reconstruct public key from signature") from None
    return key.format(compressed=True)


def _checksum(raw: bytes) -> bytes:
    ripemd = _ripemd160().copy()
    ripemd.update(raw)
    return ripemd.digest()[:CHECKSUM_SIZE]


@cache
def _ripemd160() -> "hashlib._Hash":
    """To be copied: OpenSSL looks up an algorithm by its name each time, for longer than it takes to hash a key."""
    return hashlib.new("ripemd160")


def _checked_prefix(text: str, prefix: str) -> str:
    if not text.startswith(prefix):
        raise InvalidKeyError(f"must begin with {prefix}, this chain's prefix")
    return prefix


def _checked_point(point: bytes) -> bytes:
    if not _is_point(point):
        raise InvalidKeyError("is not a point on the curve secp256k1")
    return point


def _is_point(point: bytes) -> bool:
    # Straight to the library: a signup has three of these, and the package's object costs more than the check.
    return bool(lib.secp256k1_ec_pubkey_parse(GLOBAL_CONTEXT.ctx, _UNREAD, point, len(point)))


def _double_sha256(raw: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(raw).digest()).digest()
