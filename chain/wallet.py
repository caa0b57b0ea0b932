"""Keys from a password, as the wallets of Graphene chains make them."""

import hashlib

from chain.keys import PrivateKey

ROLES = ("owner", "active", "memo")


def derive_key(name: str, role: str, password: str) -> PrivateKey:
    """The private key of the account `name` in `role`: SHA-256 of name, role and password in a row.

    A wallet that knows name and password finds the same key (graphenejs, key.generateKeys).
    """
    return PrivateKey(hashlib.sha256(f"{name}{role}{password}".encode()).digest())
