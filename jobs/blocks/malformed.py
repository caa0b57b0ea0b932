"""Operations that can't be read, as any block may hold: counted and passed over, unless they are the ledger's."""

import logging
import math
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from chain.errors import BadReply
from chain.node import Block, BlockTransaction
from jobs.blocks.account_ids import Known
from jobs.monitoring.metrics import Metrics

log = logging.getLogger("faucet.tracker")

LOG_INTERVAL = 60.0  #: seconds between two lines about them


class MalformedOperations:
    """Counts those of the blocks that are followed, each once."""

    def __init__(self, *, ours: Known, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._ours = ours
        self._metrics = metrics
        self._clock = clock
        self._counted = 0  # the last block of which they are counted
        self._logged_at = -math.inf

    async def pass_over(self, blocks: Sequence[Block]) -> None:
        """Count those of `blocks`. Raises BadReply where one is in a transaction of the ledger."""
        await require_readable(blocks, self._ours)
        new = [block for block in blocks if block.number > self._counted]
        self._counted = max((block.number for block in new), default=self._counted)
        found = [(block, entry) for block in new for entry in malformed(block.transactions)]
        self._metrics.malformed_operations.inc(sum(entry.malformed for _, entry in found))
        if found and self._clock() - self._logged_at >= LOG_INTERVAL:
            self._logged_at = self._clock()
            block, entry = found[0]
            fields = {"block": block.number, "reason": entry.problem}
            log.warning("malformed operation passed over", extra={"fields": fields})


def malformed(transactions: Iterable[BlockTransaction]) -> list[BlockTransaction]:
    """Those of `transactions` that have an operation, or results, of another form."""
    return [entry for entry in transactions if entry.problem is not None]


async def require_readable(blocks: Sequence[Block], ours: Known) -> None:
    """Raise BadReply where `blocks` hold a transaction of the ledger with an operation that can't be read."""
    found = [replace(block, transactions=tuple(malformed(block.transactions))) for block in blocks]
    signatures = {signature for block in found for entry in block.transactions for signature in entry.signatures}
    known = await ours(signatures) if signatures else set()
    for block in found:
        only_ours(block, known)


def only_ours(block: Block, ours: AbstractSet[str]) -> Block:
    """`block` with nothing but the ledger's transactions, those with the signatures `ours`.

    Raises BadReply where an operation of theirs can't be read: what became of them can't be told then.
    """
    kept = tuple(entry for entry in block.transactions if not ours.isdisjoint(entry.signatures))
    for entry in malformed(kept):
        raise BadReply(f"block {block.number} holds a transaction of this ledger that can't be read: {entry.problem}")
    return replace(block, transactions=kept)
