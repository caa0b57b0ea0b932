"""Detects private keys in a request, in any notation, so that they are neither stored nor logged."""

import re
from collections.abc import Container

from chain.keys import InvalidKeyError, PrivateKey, parse_public_key

MAX_CANDIDATES = 32  #: texts of a key's form that are looked at; what has more of them was made to cost time
MIN_DIFFERENT = 8  #: characters of a key: in 64 random hex digits there are fewer once in 10^15 keys
CURVE_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  #: of secp256k1 (SEC 2, 2.4.1)

_B58 = rb"[1-9A-HJ-NP-Za-km-z]"
_HEX = rb"[0-9A-Fa-f]"
_WIF = rb"(?:5[HJK]%b{49}|[KL]%b{51})" % (_B58, _B58)
#: Wallets make passwords of P and the first 45 characters of a private key.
_PASSWORD = rb"P5[HJK]%b{43}" % _B58

#: Where a private key may begin.
_CANDIDATE = re.compile(rb"5[HJK]%b{43}|[KL]%b{51}|PVT_|(?<!%b)%b{64}" % (_B58, _B58, _HEX, _HEX))
_IN_HEX = re.compile(rb"(?:(?<![0-9A-Za-z])|(?<=0[xX]))%b{64}(?![0-9A-Za-z])" % _HEX)
#: A word of a key's form was meant as one, even if a character is wrong.
_WORD = re.compile(rb"(?<![0-9A-Za-z])(?:P?%b|%b)(?![0-9A-Za-z])" % (_WIF, _PASSWORD))
_AMID = re.compile(_WIF)
#: `re` looks for the first character of such an expression in a loop of its own, and only then tries the rest.
_LIKE_WIF = re.compile(rb"[5KL](?:(?<=5)[HJK]%b{43}|(?<!5)%b{51})" % (_B58, _B58))
#: As newer Graphene chains write them.
_PVT = re.compile(rb"PVT_[A-Z0-9]{2}_%b{40}" % _B58)

#: Each hex digit as x, all else as a blank: a run of them is found faster than by an expression.
_AS_X = bytes(ord("x") if byte in b"0123456789ABCDEFabcdef" else ord(" ") for byte in range(256))
_X64 = b"x" * 64

_ESCAPE = re.compile(rb"\\+u00([2-7][0-9A-Fa-f])")
_BLANK = re.compile(rb"\\+[bfnrt]")


def holds_private_key(raw: bytes, public: Container[str] = ()) -> bool:
    """Whether `raw` holds a private key.

    That is: one in wallet import format, alone or amid other characters; a wallet's password of P and such a key;
    a number of 64 hex digits, unless it is in `public`, lower case; one that begins with PVT_. JSON escapes are read.
    """
    text = _plain(raw)
    # A fast path: no harmless request matches, and every signup is scanned.
    if not (_LIKE_WIF.search(text) or b"PVT_" in text or _X64 in text.translate(_AS_X)):
        return False
    found, candidates = _CANDIDATE.search(text), 0
    while found is not None:
        candidates += 1
        if candidates > MAX_CANDIDATES or _is_private(text, found.start(), public):
            return True
        found = _CANDIDATE.search(text, found.start() + 1)
    return False


def holds_wif(text: str) -> bool:
    """Whether a private key in wallet import format stands in `text`, alone or amid other characters."""
    return any(_is_wif(found[0].decode()) for found in _AMID.finditer(text.encode(errors="replace")))


def _plain(raw: bytes) -> bytes:
    text = raw.replace(b"\0", b"") if b"\0" in raw else raw
    if b"\\" not in text:
        return text
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), _BLANK.sub(b" ", text))


def _is_private(text: bytes, at: int, public: Container[str]) -> bool:
    """Whether the candidate that begins at `at` is a private key."""
    if _PVT.match(text, at):
        return True
    if (number := _IN_HEX.match(text, at)) is not None:
        digits = number[0].decode().lower()
        return _is_random(digits) and digits not in public and 0 < int(digits, 16) < CURVE_ORDER
    if (word := _WORD.match(text, at) or _WORD.match(text, max(0, at - 1))) is not None:
        return _is_random(word[0].decode()) and not _is_public(word[0].decode())
    wif = _AMID.match(text, at)
    return wif is not None and _is_wif(wif[0].decode())


def _is_random(text: str) -> bool:
    """Whether `text` has as many different characters as a key: not if it only fills a field to see what fits."""
    return len(set(text)) >= MIN_DIFFERENT


def _is_public(text: str) -> bool:
    """A prefix that begins like a private key makes public keys look like one."""
    try:
        parse_public_key(text, None)
    except InvalidKeyError:
        return False
    return True


def _is_wif(text: str) -> bool:
    try:
        PrivateKey.from_wif(text)
    except InvalidKeyError:
        return False
    return True
