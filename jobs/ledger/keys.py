"""Digests of accounts' keys, as the names cache keeps them."""

import hashlib

DIGEST_SIZE = 10  #: bytes of a key's digest: who finds another key of the same one gains nothing by it

Keys = tuple[str, str, str]  #: owner, active and memo key


def digest_of(keys: Keys) -> str:
    """What the names cache keeps of an account's keys; the memo key's comes last."""
    return ".".join(map(digest_of_key, keys))


def digest_of_key(key: str) -> str:
    """What the names cache keeps of one key."""
    return hashlib.blake2b(key.encode(), digest_size=DIGEST_SIZE).hexdigest()
