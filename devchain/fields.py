"""Types of the members that operations share, and how the chain writes them back."""

from typing import Annotated, Any

from msgspec import Meta, Struct

MAX_WIRE = 0xFFFFFFFF  #: a node writes larger numbers as text

AccountId = Annotated[str, Meta(pattern=r"^1\.2\.\d{1,15}$")]
AssetId = Annotated[str, Meta(pattern=r"^1\.3\.\d{1,15}$")]
Uint16 = Annotated[int, Meta(ge=0, le=0xFFFF)]
Uint32 = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]


class Amount(Struct, frozen=True):
    """So much of an asset, in its smallest unit."""

    amount: Int64
    asset_id: AssetId

    def to_json(self) -> dict[str, Any]:
        """The amount as the chain writes it."""
        return {"amount": wire_number(self.amount), "asset_id": self.asset_id}


def instance_of(object_id: str) -> int:
    """The last of an object id's three numbers, by which the chain sorts ids of one kind."""
    return int(object_id.rpartition(".")[2])


def wire_number(number: int) -> int | str:
    """`number` as a node writes it."""
    return number if abs(number) <= MAX_WIRE else str(number)
