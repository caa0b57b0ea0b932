"""Blocks as the node's typed calls read them."""

import asyncio
import json
from typing import Any

import pytest
from msgspec import Raw

from chain.errors import BadReply
from chain.node import BLOCKS_IN_FLIGHT, MAX_BLOCKS, Block, Node
from chain.operations import MALFORMED, MAX_BODY, MAX_NESTING
from chain.packing import ACCOUNT_UPDATE, ASSERT, TRANSFER
from chain.transactions import CORE_ASSET, parse_time, transfer
from tests.harness.recordings import SAMPLES, recorded


async def test_block_has_the_results_of_its_operations() -> None:
    recording = recorded("get_block")
    block = await Node(recording).block(63)
    sample = SAMPLES["get_block"]["reply"]["result"]["transactions"][0]
    assert recording.calls == [["database", "get_block", [63]]]
    assert block is not None
    assert block.number == 63
    assert block.previous == "0000003e36c22453f15523af856a08001aacc826"
    assert block.time == parse_time("2026-11-23T17:23:26")
    assert [transaction.signatures for transaction in block.transactions] == [tuple(sample["signatures"])]
    assert list(block.transactions[0].operations) == sample["operations"]
    assert list(block.transactions[0].made) == [made for _, made in sample["operation_results"]]


async def test_operation_that_makes_no_object_has_no_result() -> None:
    recording = recorded("get_block")
    results = [[0, {}], [2, {"amount": 1, "asset_id": CORE_ASSET}]]
    transaction = recording.answer["result"]["transactions"][0]
    transaction["operations"] = [
        [ACCOUNT_UPDATE, {"fee": {"amount": 1, "asset_id": CORE_ASSET}, "account": "1.2.7", "extensions": {}}]
    ] * 2
    transaction["operation_results"] = results
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].results == (None, None)


@pytest.mark.parametrize("results", [[], None])
async def test_chain_without_operation_results(results: list[Any] | None) -> None:
    """BitShares empties the list; a chain may leave it out."""
    recording = recorded("get_block")
    transaction = recording.answer["result"]["transactions"][0]
    transaction["operation_results"] = results
    if results is None:
        del transaction["operation_results"]
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].results is None
    assert block.transactions[0].made == (None, None)


async def test_block_beyond_the_head_is_none() -> None:
    assert await Node(recorded("get_block, not there yet")).block(10_000_000) is None


async def test_unknown_operations_are_kept_without_bodies() -> None:
    recording = recorded("get_block")
    transaction = recording.answer["result"]["transactions"][0]
    transaction["operations"][0] = [1, {"fee": {"amount": 1, "asset_id": "1.3.0"}, "seller": "1.2.3"}]
    transaction["operation_results"][0] = [1, "1.7.5"]
    block = await Node(recording).block(63)
    assert block is not None
    assert list(block.transactions[0].operations) == [[1, {}], transaction["operations"][1]]
    assert block.transactions[0].operations[1:][0] == transaction["operations"][1]
    assert block.transactions[0].results == ("1.7.5", transaction["operation_results"][1][1])


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (TRANSFER, {"from": "1.2.3", "to": "1.2.4", "amount": {"amount": "5", "asset_id": "1.3.1"}, "memo": {}}),
        (ACCOUNT_UPDATE, {"account": "1.2.3", "active": {"weight_threshold": 1}}),
        (ASSERT, {"fee_paying_account": "1.2.3", "predicates": [[0, {"account_id": "1.2.4", "name": "alice-1"}]]}),
    ],
)
async def test_known_operations_are_kept_whole(number: int, body: dict[str, Any]) -> None:
    recording = recorded("get_block")
    operation = [number, {"fee": {"amount": 1, "asset_id": "1.3.0"}, **body, "extensions": []}]
    recording.answer["result"]["transactions"][0]["operations"][0] = operation
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].operations[0] == operation


@pytest.mark.parametrize("memo", ["x" * MAX_BODY, [[0]] * MAX_NESTING])
async def test_oversized_operation_counts_as_unknown(memo: Any) -> None:
    recording = recorded("get_block")
    body = {**transfer(sender="1.2.3", receiver="1.2.4", amount=5)[1], "memo": memo}
    recording.answer["result"]["transactions"][0]["operations"][0] = [TRANSFER, body]
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].operations[0] == [MALFORMED, {}]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["operations", 0], None),
        (["operations", 0], [5]),
        (["operations", 0], [5, {}]),
        (["operations", 0], [2**16, {}]),
        (["operations", 0], [-1, {}]),
        (["operations", 0, 1, "name"], "Alice"),
        (["operations", 0, 1, "registrar"], "1.3.0"),
        (["operations", 0, 1, "options"], {"memo_key": "PPY1"}),
        (["operations", 0], [TRANSFER, {"from": "1.2.3", "to": "1.2.4"}]),
        (["operations", 0, 1, "fee", "amount"], -1),
        (["operations", 0, 1, "fee", "amount"], 2**63),
        (["operations", 0, 1, "owner", "key_auths"], [[]]),
    ],
)
async def test_operation_of_another_form_is_marked(path: list[Any], value: Any) -> None:
    """The others of its transaction are kept."""
    transaction = (await block_with(path, value)).transactions[0]
    assert transaction.operations.numbers == (MALFORMED, 5)
    assert transaction.operations[0] == [MALFORMED, {}]
    assert (transaction.malformed, transaction.problem is None) == (1, False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["operation_results"], [[0, {}]]),
        (["operation_results"], "none"),
        (["operation_results"], None),
        (["operation_results", 0], [1, None]),
        (["operation_results", 0], [1, "alice"]),
        (["operation_results", 0], [1, "1.7.5"]),
        (["operation_results", 0], [0, {}]),
        (["operation_results", 0], 7),
    ],
)
async def test_results_of_another_form_are_no_results(path: list[Any], value: Any) -> None:
    """They are looked up then, as on a chain without."""
    transaction = (await block_with(path, value)).transactions[0]
    assert transaction.operations.numbers == (5, 5)
    assert (transaction.results, transaction.malformed, transaction.problem is None) == (None, 1, False)


async def block_with(path: list[Any], value: Any) -> Block:
    """The recorded block with `value` at `path` of its transaction."""
    recording = recorded("get_block")
    *way, last = path
    part = recording.answer["result"]["transactions"][0]
    for step in way:
        part = part[step]
    part[last] = value
    block = await Node(recording).block(63)
    assert block is not None
    return block


class Chain:
    """A node that has blocks of some size up to a head."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = sizes
        self.calls: list[int] = []
        self.in_flight = self.most = 0

    async def __call__(self, _api: str, _method: str, arguments: list[int]) -> Raw:
        (number,) = arguments
        self.calls.append(number)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        if number > len(self._sizes):
            return Raw(b"null")
        block = {"previous": "00" * 20, "timestamp": "2026-11-23T17:23:26", "transactions": [], "extra": ""}
        return Raw(json.dumps({**block, "extra": "x" * self._sizes[number - 1]}).encode())


def numbers(blocks: list[Block]) -> list[int]:
    return [block.number for block in blocks]


async def test_blocks_are_read_concurrently_up_to_the_first_missing_one() -> None:
    chain = Chain(*[0] * 40)
    assert numbers(await Node(chain).blocks(range(3, 60))) == list(range(3, 41))
    assert chain.most == BLOCKS_IN_FLIGHT
    assert await Node(chain).blocks(range(41, 60)) == []


async def test_blocks_in_memory_are_bounded() -> None:
    size = MAX_BLOCKS // 4
    chain = Chain(*[size] * 100)
    blocks = await Node(chain).blocks(range(1, 101))
    assert numbers(blocks) == [1, 2, 3]
    assert all(size < block.size < size + 200 for block in blocks)
    assert max(chain.calls) <= 4 + BLOCKS_IN_FLIGHT


async def test_two_blocks_are_read_whatever_their_size() -> None:
    assert numbers(await Node(Chain(*[MAX_BLOCKS] * 5)).blocks(range(1, 6))) == [1, 2]


async def test_failure_cancels_the_other_reads() -> None:
    chain = Chain(*[0] * 100)

    async def lying(api: str, method: str, arguments: list[Any]) -> Raw:
        return Raw(b"{}") if arguments == [5] else await chain(api, method, arguments)

    with pytest.raises(BadReply):
        await Node(lying).blocks(range(1, 101))
    read = len(chain.calls)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(chain.calls) == read
