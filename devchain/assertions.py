"""The operation that fails its whole transaction unless the chain holds what it says.

Chain source: assert.hpp, assert.cpp. The package that packs the other operations does not know this one, so its bytes
are built here from the package's types, and not by chain/packing.py, which they are to check.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from graphenebase.objects import Asset
from graphenebase.types import Array, Hash160, Id, Static_variant, variable_buffer
from msgspec import Meta, Struct
from peerplaysbase.objects import ObjectId

from chain.packing import ASSERT
from devchain import errors
from devchain.fields import AccountId, Amount, AssetId, instance_of


class AccountNamePredicate(Struct, frozen=True):
    """account_name_eq_lit: the account has this name."""

    account_id: AccountId
    name: str

    def __bytes__(self) -> bytes:
        return bytes(ObjectId(self.account_id, "account")) + _pack_text(self.name)


class AssetSymbolPredicate(Struct, frozen=True):
    """asset_symbol_eq_lit: the asset has this symbol."""

    asset_id: AssetId
    symbol: str

    def __bytes__(self) -> bytes:
        return bytes(ObjectId(self.asset_id, "asset")) + _pack_text(self.symbol)


class BlockIdPredicate(Struct, frozen=True):
    """block_id: the chain has this block."""

    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{40}$")]

    def __bytes__(self) -> bytes:
        return bytes(Hash160(self.id))


Predicate = AccountNamePredicate | AssetSymbolPredicate | BlockIdPredicate

_PREDICATES: Mapping[int, type[Predicate]] = {0: AccountNamePredicate, 1: AssetSymbolPredicate, 2: BlockIdPredicate}


class Assert(Struct, frozen=True):
    """Changes nothing. No chain checks `required_auths`, but they are part of the bytes."""

    fee: Amount
    fee_paying_account: AccountId
    predicates: list[tuple[int, dict[str, Any]]]
    required_auths: list[AccountId] = []

    @property
    def payer(self) -> str:
        """The account whose active authority is needed."""
        return self.fee_paying_account

    def read_predicates(self) -> list[tuple[int, Predicate]]:
        """Number and content of each predicate. Raises NodeError for one that a node can't read."""
        return [(number, _read_predicate(number, fields)) for number, fields in self.predicates]

    def to_json(self) -> dict[str, Any]:
        """The operation as the chain writes it. Raises NodeError."""
        predicates = [[number, msgspec.to_builtins(predicate)] for number, predicate in self.read_predicates()]
        return {
            "fee": self.fee.to_json(),
            "fee_paying_account": self.fee_paying_account,
            "predicates": predicates,
            "required_auths": self._sorted_auths(),
            "extensions": [],
        }

    def __bytes__(self) -> bytes:
        parts = (
            Id(ASSERT),
            Asset(amount=self.fee.amount, asset_id=self.fee.asset_id),
            ObjectId(self.fee_paying_account, "account"),
            Array([Static_variant(predicate, number) for number, predicate in self.read_predicates()]),
            Array([ObjectId(account_id, "account") for account_id in self._sorted_auths()]),
            Array([]),  # extensions
        )
        return b"".join(map(bytes, parts))

    def _sorted_auths(self) -> list[str]:
        """The chain keeps them as a set, by number (flat_set)."""
        return sorted(set(self.required_auths), key=instance_of)


def _read_predicate(number: int, fields: dict[str, Any]) -> Predicate:
    if number not in _PREDICATES:
        raise errors.assertion("w < count(): ", "set_which", "static_variant.hpp")
    try:
        return msgspec.convert(fields, _PREDICATES[number], strict=False)
    except msgspec.ValidationError as error:
        raise errors.bad_cast(str(error), "object") from None


def _pack_text(text: str) -> bytes:
    """The text as it is: the package's own String rewrites control characters, which the chain does not."""
    packed: bytes = variable_buffer(text.encode())
    return packed
