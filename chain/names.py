"""The chain's grammar of account names (chain source, is_valid_name and is_cheap_name)."""

import re

LONGEST = 63

_FORBIDDEN = re.compile(r"[^a-z0-9.-]")
_CHEAP = re.compile(r"[0-9./-]")
#: Instances have 48 bits (object_id.hpp): 15 digits at the most.
_ACCOUNT_ID = re.compile(r"1\.2\.(?:0|[1-9][0-9]{0,14})")
_VOWEL = re.compile(r"[aeiouy]")


def name_problem(name: str, reserved_ending: str | None = None) -> str | None:
    """Which rule `name` breaks, as a sentence that does not repeat it; None if the chain takes it.

    `reserved_ending` is the one that this chain reserves, if any.
    """
    if not name:
        return "The name is empty."
    if len(name) > LONGEST:
        return f"The name is longer than {LONGEST} characters."
    if _FORBIDDEN.search(name):
        if any(character.isupper() for character in name):
            return "The name has a capital letter: only a to z, 0 to 9, '-' and '.' are allowed."
        return "The name has a character that is not allowed: only a to z, 0 to 9, '-' and '.' are."
    if reserved_ending and name.endswith(reserved_ending):
        return f"The name ends in {reserved_ending}, which the chain keeps for itself."
    return next((problem for label in name.split(".") if (problem := _label_problem(label))), None)


def is_account_id(text: str) -> bool:
    """Whether `text` is an account's id, the other spelling of its name: 1.2.x."""
    return _ACCOUNT_ID.fullmatch(text) is not None


def is_cheap(name: str) -> bool:
    """Whether registering `name` costs the basic fee: a digit, '-', '.' or '/' in it, or no vowel."""
    return _CHEAP.search(name) is not None or _VOWEL.search(name) is None


def _label_problem(label: str) -> str | None:
    if not label:
        return "The name has an empty part: it begins or ends with '.', or has two in a row."
    if not "a" <= label[0] <= "z":
        return "Each part of the name must begin with a letter."
    if label[-1] == "-":
        return "Each part of the name must end with a letter or a digit."
    return None
