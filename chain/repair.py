"""Makes JSON readable that is valid, and that the decoder refuses all the same."""

import re

from chain.operations import MAX_NESTING

MAX_SIZE = 1_000_000  #: bytes of a text that is made readable, which takes Python some tenths of a second
#: Levels that are kept: an operation that is nested deeper than MAX_NESTING must still show it.
MAX_DEPTH = MAX_NESTING + 20

_STRING = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")', re.DOTALL)
_ESCAPE = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[dD][89a-fA-F]..|\\.", re.DOTALL)
_LONE_SURROGATE = 6  #: bytes of such an escape; of a pair 12, of any other 2


def make_readable(text: bytes) -> bytes:
    """`text` with null for what is nested deeper than MAX_DEPTH, and U+FFFD for half of a surrogate pair.

    A text above MAX_SIZE is returned as it is.
    """
    if len(text) > MAX_SIZE:
        return text
    return _ESCAPE.sub(_without_lone_surrogate, _without_deep_values(text))


def _without_lone_surrogate(escape: re.Match[bytes]) -> bytes:
    found = escape.group()
    return rb"\ufffd" if len(found) == _LONE_SURROGATE else found


def _without_deep_values(text: bytes) -> bytes:
    kept: list[bytes] = []
    depth = 0
    for number, part in enumerate(_STRING.split(text)):
        if number % 2:  # a string
            opened = closed = 0
        else:
            opened, closed = part.count(b"[") + part.count(b"{"), part.count(b"]") + part.count(b"}")
        if depth + opened > MAX_DEPTH >= depth - closed:
            depth = _cut(part, depth, kept)
            continue
        if depth + opened <= MAX_DEPTH:
            kept.append(part)
        depth += opened - closed
    return b"".join(kept)


def _cut(part: bytes, depth: int, kept: list[bytes]) -> int:
    """Add to `kept` what of `part`, which begins at `depth`, is not too deep; the depth at its end."""
    begin = 0 if depth <= MAX_DEPTH else len(part)
    for place, byte in enumerate(part):
        if byte in b"[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                kept += [part[begin:place], b"null"]
                begin = len(part)
        elif byte in b"]}":
            depth -= 1
            if depth == MAX_DEPTH:
                begin = place + 1
    kept.append(part[begin:])
    return depth
