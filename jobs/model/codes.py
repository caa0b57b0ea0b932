"""Invitation codes: short enough to be typed, too many to be guessed."""

import hashlib
from collections.abc import Callable

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  #: of Crockford's base 32: no I, L, O and U
LENGTH = 16  #: characters: 80 random bits
GROUP = 4  #: characters between two dashes
HINT = 4  #: characters that tell one code from another, for people

#: What people take for another character, and what stands between groups.
_READ = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


def new_code(choose: Callable[[str], str]) -> str:
    """A code such as 7KQ2-M0XV-9T3B-HW5D; `choose` takes one of the characters at random."""
    characters = "".join(choose(ALPHABET) for _ in range(LENGTH))
    return "-".join(characters[place : place + GROUP] for place in range(0, LENGTH, GROUP))


def hash_of_code(text: str) -> str | None:
    """What the ledger keeps of the code in `text`, however it is spelled; None if it can't be one."""
    code = text.strip().upper().translate(_READ)
    if len(code) != LENGTH or not set(code) <= set(ALPHABET):
        return None
    return hashlib.sha256(code.encode()).hexdigest()


def sign_up_url(page: str, code: str) -> str:
    """The address of the signup page with a code, which stays in the browser: no server or proxy logs it."""
    return f"{page.partition('#')[0]}#invite={code}"
