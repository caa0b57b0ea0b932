"""Checks a transaction's signatures against its payers' authorities (chain source: transaction.cpp)."""

from collections.abc import Sequence
from typing import Any

from chain.keys import format_public_key, is_canonical, recover
from devchain import errors
from devchain.errors import Frame, NodeError
from devchain.state import State
from devchain.transaction import Transaction

HEADERS = range(27, 35)  #: first bytes that a signature may have (fc, elliptic_secp256k1.cpp)


def check_authority(transaction: Transaction, digest: bytes, state: State, *, prefix: str, depth: int) -> None:
    """Raises NodeError unless the signatures of `digest` are exactly those that the payers need.

    `depth` is how many levels of account authorities are followed.
    """
    try:
        keys = _recover_keys(transaction.signatures, digest, prefix)
    except NodeError as error:
        raise error.through(Frame("get_signature_keys", "transaction.cpp"), _verify(transaction)) from None
    try:
        _check(transaction, state, _Signers(keys, state, depth))
    except NodeError as error:
        inner = {"ops": [operation.as_json for operation in transaction.operations], "sigs": keys}
        frame = Frame("verify_authority", "transaction.cpp", "", inner)
        raise error.through(frame, _verify(transaction)) from None


class _Signers:
    """The keys that have signed, and which of them were needed so far."""

    def __init__(self, keys: Sequence[str], state: State, depth: int) -> None:
        self._keys = frozenset(keys)
        self._state = state
        self._depth = depth
        self._approved: set[str] = set()
        self._used: set[str] = set()

    @property
    def unused(self) -> bool:
        """Whether a key has signed that was not needed."""
        return self._used != self._keys

    def satisfy(self, authority: dict[str, Any], depth: int = 0) -> bool:
        """Whether the keys reach the threshold; they are counted as needed only up to it."""
        weight = 0
        for key, its_weight in authority["key_auths"]:
            if key in self._keys:
                self._used.add(key)
                weight += its_weight
                if weight >= authority["weight_threshold"]:
                    return True
        for account_id, its_weight in authority["account_auths"]:
            if self._approves(account_id, depth):
                weight += its_weight
                if weight >= authority["weight_threshold"]:
                    return True
        return False

    def _approves(self, account_id: str, depth: int) -> bool:
        if account_id not in self._approved and depth < self._depth:
            account = self._state.accounts[account_id]
            if self.satisfy(account["active"], depth + 1):
                self._approved.add(account_id)
        return account_id in self._approved


def _check(transaction: Transaction, state: State, signers: _Signers) -> None:
    for payer in dict.fromkeys(operation.body.payer for operation in transaction.operations):
        account = state.accounts.get(payer)
        if account is None:
            raise errors.unknown_object(payer)
        if not (signers.satisfy(account["active"]) or signers.satisfy(account["owner"])):
            raise errors.missing_authority(account)
    if signers.unused:
        raise errors.irrelevant_signature()


def _recover_keys(signatures: Sequence[str], digest: bytes, prefix: str) -> list[str]:
    keys: dict[str, None] = {}
    for signature in signatures:
        key = _recover_key(signature, digest, prefix)
        if key in keys:
            raise errors.duplicate_signature()
        keys[key] = None
    return list(keys)


def _recover_key(signature: str, digest: bytes, prefix: str) -> str:
    raw = bytes.fromhex(signature)
    if raw[0] not in HEADERS:
        raise errors.not_recoverable()
    if not is_canonical(raw[1:]):
        raise errors.not_canonical()
    try:
        return format_public_key(recover(digest, raw), prefix)
    except ValueError:
        raise errors.not_recoverable() from None


def _verify(transaction: Transaction) -> Frame:
    return Frame("verify_authority", "transaction.cpp", "", {"*this": transaction.as_json})
