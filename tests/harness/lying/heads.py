"""Lies about the head: its number, its time, what is irreversible, and made-up blocks."""

import hashlib
from dataclasses import dataclass
from typing import Any, ClassVar

from chain.transactions import format_time, parse_time
from tests.harness.lying.lie import Ask, Lie, ObjectLie, Request, database, objects_with

HEAD_MEMBER = "head_block_number"
BLOCK_READS = frozenset({"get_block", "get_block_header"})
NO_HASH = "00" * 20


def made_up_id(number: int, *parts: Any) -> str:
    """The id of a made-up block: always the same for the same number and parts."""
    return f"{number:08x}" + hashlib.sha256(repr((number, *parts)).encode()).hexdigest()[:32]


def number_of(block_id: str) -> int:
    """The block's number, which its id begins with."""
    return int(block_id[:8], 16)


def shifted(time: str, seconds: int) -> str:
    """A time of the chain, some seconds later."""
    return format_time(parse_time(time) + seconds)


async def true_head(ask: Ask) -> dict[str, Any]:
    """The node's head, as changed by the lies before."""
    head: dict[str, Any] = await ask(database("get_dynamic_global_properties"))
    return head


@dataclass(frozen=True)
class HigherBlocks(Lie):
    """There are empty blocks beyond the true head: so many at any time, or up to a number.

    Each names the one before as its previous; the first names the true head, as far as that has come.
    """

    ahead: int = 0
    up_to: int = 0
    seconds: int = 1  #: between two of them
    salt: str = ""

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        result = await ask(request)
        if request.method not in BLOCK_READS:
            for head in objects_with(result, HEAD_MEMBER):
                self._raise(head)
        elif result is None:
            return await self._block(request, ask)
        return result

    def _target(self, head: int) -> int:
        return max(head + self.ahead, self.up_to)

    def _raise(self, head: dict[str, Any]) -> None:
        number = head[HEAD_MEMBER]
        target = self._target(number)
        if target > number:
            time = shifted(head["time"], (target - number) * self.seconds)
            head.update(head_block_number=target, head_block_id=made_up_id(target, self.salt), time=time)

    async def _block(self, request: Request, ask: Ask) -> Any:
        number, head = int(request.arguments[0]), await true_head(ask)
        distance = number - head[HEAD_MEMBER]
        if distance <= 0:  # the true chain has reached it by now
            return await ask(request)
        if number > self._target(head[HEAD_MEMBER]):
            return None
        previous = head["head_block_id"] if distance == 1 else made_up_id(number - 1, self.salt)
        return _empty_block(previous, shifted(head["time"], distance * self.seconds))


def _empty_block(previous: str, timestamp: str) -> dict[str, Any]:
    return {
        "previous": previous,
        "timestamp": timestamp,
        "witness": "1.6.1",
        "next_secret_hash": NO_HASH,
        "previous_secret": NO_HASH,
        "transaction_merkle_root": NO_HASH,
        "extensions": [],
        "witness_signature": "00" * 65,
        "transactions": [],
    }


@dataclass(frozen=True)
class HeadBehind(Lie):
    """The head is so many blocks lower, and there is nothing beyond it; never below the first block."""

    blocks: int

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        if request.method in BLOCK_READS:
            block, head = await ask(request), await true_head(ask)
            return None if int(request.arguments[0]) > self._target(head[HEAD_MEMBER]) else block
        result = await ask(request)
        for head in objects_with(result, HEAD_MEMBER):
            await self._lower(head, ask)
        return result

    def _target(self, head: int) -> int:
        return max(1, head - self.blocks)

    async def _lower(self, head: dict[str, Any], ask: Ask) -> None:
        target = self._target(head[HEAD_MEMBER])
        block, following = [await ask(database("get_block", number)) for number in (target, target + 1)]
        if block and following:  # there is a lower head, which no fork has taken away meanwhile
            head.update(head_block_number=target, head_block_id=following["previous"], time=block["timestamp"])
            head["last_irreversible_block_num"] = min(target, head["last_irreversible_block_num"])


@dataclass(frozen=True)
class HeadTime(Lie):
    """The head, and every block unless `blocks` is off, was made so many seconds later than it was."""

    seconds: int
    blocks: bool = True

    def change(self, request: Request, result: Any, /) -> Any:
        for head in objects_with(result, HEAD_MEMBER):
            head["time"] = shifted(head["time"], self.seconds)
        if self.blocks and request.method in BLOCK_READS and result is not None:
            return {**result, "timestamp": shifted(result["timestamp"], self.seconds)}
        return result


@dataclass(frozen=True)
class Irreversible(ObjectLie):
    """The last irreversible block trails the head by so many blocks: none, or less than none."""

    lag: int = 0
    member: ClassVar[str] = HEAD_MEMBER

    def edit(self, found: dict[str, Any], /) -> None:
        found["last_irreversible_block_num"] = max(0, found[HEAD_MEMBER] - self.lag)


@dataclass(frozen=True)
class Fork(Lie):
    """From block `start` on the chain is another: other ids, linked to each other, with the same contents or none."""

    start: int
    salt: str = ""
    transactions: bool = True

    def change(self, request: Request, result: Any, /) -> Any:
        for head in objects_with(result, HEAD_MEMBER):
            head["head_block_id"] = self._id(head["head_block_id"])
        if request.method in BLOCK_READS and result is not None:
            return self._block(int(request.arguments[0]), result)
        return result

    def notice(self, params: Any, /) -> Any:
        callback, values = params
        return [callback, [self._id(value) if isinstance(value, str) else value for value in values]]

    def _block(self, number: int, block: dict[str, Any]) -> dict[str, Any]:
        forked = {**block, "previous": self._id(block["previous"])}
        if number >= self.start and not self.transactions and "transactions" in block:
            forked["transactions"] = []
        return forked

    def _id(self, block_id: str) -> str:
        return made_up_id(number_of(block_id), block_id, self.salt) if number_of(block_id) >= self.start else block_id
