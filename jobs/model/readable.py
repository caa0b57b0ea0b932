"""Amounts, times and nodes as people read them."""

from decimal import Decimal
from urllib.parse import urlsplit

from chain.text import cut


def amount(satoshi: int, precision: int, symbol: str | None) -> str:
    """`satoshi` in the core asset with its symbol, every decimal that counts: 2,500.5 TEST."""
    text = f"{Decimal(satoshi).scaleb(-precision).normalize():,f}"
    return text if symbol is None else f"{text} {symbol}"


def duration(seconds: float) -> str:
    """A time span in its largest unit: 45 s, 12 min, 5 h, 3 days."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def host(url: str | None) -> str:
    """Host and port of a URL, which is all that is shown of a node."""
    return urlsplit(url or "").netloc.rpartition("@")[2]


def visible(text: str) -> str:
    """`text` with its line breaks and tabs, and U+FFFD for whatever else can't be printed.

    What turns the direction of writing can't be printed either.
    """
    if text.isprintable():
        return text
    return "".join(character if character in "\n\t\r" else cut(character) for character in text)
