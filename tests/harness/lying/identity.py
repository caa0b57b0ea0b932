"""Lies about the chain's identity."""

from dataclasses import dataclass
from typing import Any, ClassVar

from tests.harness.lying.lie import ObjectLie, Request

DIGITS, UNITS = "GRAPHENE_BLOCKCHAIN_PRECISION_DIGITS", "GRAPHENE_BLOCKCHAIN_PRECISION"


@dataclass(frozen=True)
class Precision(ObjectLie):
    """The core asset has so many decimals."""

    decimals: int
    member: ClassVar[str] = "precision"

    def change(self, request: Request, result: Any, /) -> Any:
        if request.method == "get_config":
            return {**result, DIGITS: self.decimals, UNITS: 10**self.decimals}
        return super().change(request, result)

    def edit(self, found: dict[str, Any], /) -> None:
        found["precision"] = self.decimals


@dataclass(frozen=True)
class Symbol(ObjectLie):
    """The core asset is called so."""

    symbol: str
    member: ClassVar[str] = "precision"

    def change(self, request: Request, result: Any, /) -> Any:
        if request.method == "get_config":
            return {**result, "GRAPHENE_SYMBOL": self.symbol}
        return super().change(request, result)

    def edit(self, found: dict[str, Any], /) -> None:
        found["symbol"] = self.symbol


@dataclass(frozen=True)
class Prefix(ObjectLie):
    """Public keys begin with this."""

    prefix: str
    member: ClassVar[str] = "GRAPHENE_ADDRESS_PREFIX"

    def edit(self, found: dict[str, Any], /) -> None:
        found["GRAPHENE_ADDRESS_PREFIX"] = self.prefix


@dataclass(frozen=True)
class ChainId(ObjectLie):
    """The chain has this id."""

    chain_id: str
    member: ClassVar[str] = "chain_id"

    def change(self, request: Request, result: Any, /) -> Any:
        return self.chain_id if request.method == "get_chain_id" else super().change(request, result)

    def edit(self, found: dict[str, Any], /) -> None:
        found["chain_id"] = self.chain_id
