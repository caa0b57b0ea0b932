"""Operations that can't be read are counted once each, and told once a minute."""

import logging
from collections.abc import Collection

import pytest

from chain.blocks import Block, BlockTransaction
from chain.errors import BadReply
from chain.operations import MALFORMED, Operations
from jobs.blocks.malformed import LOG_INTERVAL, MalformedOperations
from jobs.monitoring.metrics import Metrics

OURS = "1f" * 65


def block(number: int, *problems: str | None, signature: str = "20" * 65) -> Block:
    """A block with a transaction for each of `problems`, which has an operation with that problem."""
    transactions = tuple(
        BlockTransaction(1, 1, 0, (signature,), Operations([(MALFORMED if problem else 0, b"{}")]), None, problem)
        for problem in problems
    )
    return Block(number, "00" * 20, 0, transactions)


class Passing:
    """What passes over the malformed operations, and how many it counted."""

    def __init__(self) -> None:
        self.now = 0.0
        self._metrics = Metrics()
        self.operations = MalformedOperations(ours=self._ours, metrics=self._metrics, clock=lambda: self.now)

    async def _ours(self, signatures: Collection[str]) -> set[str]:
        return {OURS} & set(signatures)

    def counted(self) -> float:
        (metric,) = self._metrics.malformed_operations.collect()
        return next(sample.value for sample in metric.samples if sample.name.endswith("_total"))


async def test_each_is_counted_once_however_often_its_block_is_read() -> None:
    passing = Passing()
    for _ in range(3):
        await passing.operations.pass_over([block(7, "bad", None), block(8, "worse", "bad")])
    assert passing.counted() == 3


async def test_one_line_a_minute_tells_of_them(caplog: pytest.LogCaptureFixture) -> None:
    passing = Passing()
    with caplog.at_level(logging.WARNING, "faucet.tracker"):
        for number in range(1, 10):
            await passing.operations.pass_over([block(number, "bad")])
        assert len(caplog.records) == 1
        passing.now += LOG_INTERVAL
        await passing.operations.pass_over([block(10, "bad")])
    assert len(caplog.records) == 2


async def test_one_of_the_ledgers_own_is_not_passed_over() -> None:
    passing = Passing()
    await passing.operations.pass_over([block(7, None, signature=OURS)])
    with pytest.raises(BadReply, match="block 8 holds a transaction of this ledger that can't be read: bad"):
        await passing.operations.pass_over([block(8, "bad", signature=OURS)])
    assert passing.counted() == 0
