"""Makes other people's text fit for logs, the ledger and pages."""

MAX_TEXT = 200  #: characters


def cut(text: str) -> str:
    """`text` as one line of at most MAX_TEXT characters, with an ellipsis where it was cut.

    Spaces stand for line breaks and tabs, U+FFFD for whatever else can't be printed: control characters steer
    terminals, and lone surrogates can't be stored.
    """
    line = "".join(map(_printable, text[: MAX_TEXT + 1]))
    return line if len(line) <= MAX_TEXT else f"{line[: MAX_TEXT - 1]}…"


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\ufffd"
