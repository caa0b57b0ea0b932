"""What the node asks for operations, as one drain needs it."""

from collections.abc import Sequence

from chain.names import is_cheap
from chain.node import Node
from chain.packing import Operation

_Sort = tuple[int, int, bool]  #: what a fee depends on


class FeeTable:
    """Fees by what they depend on: of thousands of operations the node is asked only for some dozen.

    That is which operation it is, its size, and whether its name is a cheap one (account.cpp and transfer.cpp,
    calculate_fee).
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._fees: dict[_Sort, int] = {}

    async def fees(self, operations: Sequence[Operation], packed: Sequence[bytes]) -> list[int]:
        """Satoshi that each of `operations`, `packed` as it is signed, costs. Raises LinkError or Refused."""
        sorts = [_sort(*each) for each in zip(operations, packed, strict=True)]
        unknown = {sort: each for sort, each in zip(sorts, operations, strict=True) if sort not in self._fees}
        if unknown:
            fees = await self._node.required_fees(list(unknown.values()))
            self._fees.update(zip(unknown, fees, strict=True))
        return [self._fees[sort] for sort in sorts]


def _sort(operation: Operation, packed: bytes) -> _Sort:
    number, body = operation
    return number, len(packed), "name" in body and is_cheap(body["name"])
