"""What the node asks for operations, as one drain needs it."""

from collections.abc import Hashable, Sequence

from msgspec import Raw

from chain.node import Node


class FeeTable:
    """Fees by sort: of thousands of operations the node is asked for one of each.

    What makes a sort is what a fee depends on: the size, and of a registration whether its name is a cheap one
    (account.cpp and transfer.cpp, calculate_fee).
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._fees: dict[Hashable, int] = {}

    async def fees(self, encoded: Sequence[bytes], sorts: Sequence[Hashable]) -> list[int]:
        """Satoshi that each operation costs, given as JSON and each of its sort. Raises LinkError or Refused."""
        unknown = {sort: each for sort, each in zip(sorts, encoded, strict=True) if sort not in self._fees}
        if unknown:
            fees = await self._node.required_fees([Raw(each) for each in unknown.values()])
            self._fees.update(zip(unknown, fees, strict=True))
        return [self._fees[sort] for sort in sorts]
