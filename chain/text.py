"""Makes other people's text fit for logs, the ledger and pages."""

MAX_TEXT = 200  #: characters
MAX_LINE = 10 * MAX_TEXT  #: … of a sentence that holds several texts


def cut(text: str, most: int = MAX_TEXT) -> str:
    """`text` as one line of at most `most` characters, with an ellipsis where it was cut.

    Spaces stand for line breaks and tabs, U+FFFD for whatever else can't be printed: control characters steer
    terminals, and lone surrogates can't be stored.
    """
    line = "".join(map(_printable, text[: most + 1]))
    return line if len(line) <= most else f"{line[: most - 1]}…"


def one_line(text: str) -> str:
    """`text`, which may hold several texts from outside, as one line that steers no terminal."""
    return cut(text, MAX_LINE)


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\ufffd"
