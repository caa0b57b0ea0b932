"""Reading many blocks, few at a time, so that no node can fill the memory with them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from chain.errors import BadReply
from chain.node import Block

READ_AHEAD = 4  #: blocks read side by side: one of a full chain takes tens of megabytes
MAX_OPERATIONS = 20_000  #: in the blocks that are handled at once

ReadBlock = Callable[[int], Awaitable[Block | None]]


async def read_blocks(block: ReadBlock, first: int, last: int) -> AsyncIterator[list[Block | None]]:
    """The blocks from `first` to `last`, a few at a time; None for each that the node lacks."""
    for start in range(first, last + 1, READ_AHEAD):
        numbers = range(start, min(last, start + READ_AHEAD - 1) + 1)
        yield await asyncio.gather(*(block(number) for number in numbers))


async def read_all(block: ReadBlock, first: int, last: int) -> AsyncIterator[list[Block]]:
    """The same, each of them. Raises BadReply where the node lacks one, which it calls irreversible."""
    async for blocks in read_blocks(block, first, last):
        present = [each for each in blocks if each is not None]
        if len(present) < len(blocks):
            raise BadReply(f"the node lacks a block up to {last}, which it calls irreversible")
        yield present


async def read_some(block: ReadBlock, first: int, last: int) -> list[Block]:
    """The blocks from `first` on, up to `last`, or to the first that the node lacks, or as many as may be handled."""
    some: list[Block] = []
    async for blocks in read_blocks(block, first, last):
        some += _present(blocks)
        if None in blocks or sum(map(_operations, some)) > MAX_OPERATIONS:
            break
    return some


def _present(blocks: Sequence[Block | None]) -> list[Block]:
    """Those before the first that is missing."""
    end = blocks.index(None) if None in blocks else len(blocks)
    return [block for block in blocks[:end] if block is not None]


def _operations(block: Block) -> int:
    return sum(len(transaction.operations) for transaction in block.transactions)
