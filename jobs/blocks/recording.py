"""Records what blocks hold: a large one in parts, so that signups are accepted in between."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from chain.node import Block, BlockTransaction
from jobs.blocks.effects import effects_of
from jobs.blocks.keys import keys_changed, keys_shown
from jobs.blocks.transactions import SERVING
from jobs.ledger.blocks import BlockLog
from jobs.ledger.store import MAX_JOBS, parts_of
from jobs.model.transaction import BlockEffects, OnChainTransaction
from jobs.monitoring.metrics import Metrics
from jobs.nodes.confirmation import ConfirmedChain
from jobs.settings import Settings


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block as it was read, or a part of it."""

    block: Block
    id: str
    payments: tuple[OnChainTransaction, ...]  #: of the registrar in it, that the ledger has no record of
    changed: tuple[tuple[str, str | None], ...]  #: keys_changed in all of the block
    is_whole: bool = True  #: nothing of the block comes after it

    @property
    def weight(self) -> int:
        """How many operations of it may serve jobs."""
        return sum(map(_weight, self.block.transactions))

    def parts(self) -> "Iterator[ReadBlock]":
        """Its transactions, up to MAX_JOBS operations in each part; a block with `payments` is imported at once."""
        parts = [] if self.payments else list(parts_of(self.block.transactions, _weight, MAX_JOBS))
        for number, transactions in enumerate(parts, 1):
            part = replace(self.block, transactions=tuple(transactions))
            yield replace(self, block=part, is_whole=number == len(parts))
        if not parts:
            yield self


def _weight(transaction: BlockTransaction) -> int:
    return sum(map(SERVING.__contains__, transaction.operations.numbers))


class BlockRecorder:
    """Writes blocks to the ledger, which knows each of them as followed once it has all of it."""

    def __init__(
        self,
        *,
        blocks: BlockLog,
        settings: Settings,
        confirmed: ConfirmedChain,
        account_ids: Callable[[], Mapping[str, str]],
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._blocks = blocks
        self._settings = settings
        self._confirmed = confirmed
        self._account_ids = account_ids
        self._metrics = metrics
        self._clock = clock
        # The ledger may have a part of the block after the last one followed, which may be on another fork by now: so
        # it is after a crash, and where the ledger failed between two parts.
        self._may_have_part = True

    async def record(self, blocks: Sequence[ReadBlock], final: int, *, continues: bool) -> None:
        """Record consecutive blocks, of which `final` and those before it stay.

        What may be there of the first one already is undone in the transaction that records all of it, so that no job
        is seen to go back. Nor is it recorded in parts unless it `continues` those remembered: an operator could have
        these forgotten in between. Raises FaucetError; the next call goes on.
        """
        anew, self._may_have_part = self._may_have_part, True
        parts = (
            part
            for position, block in enumerate(blocks)
            for part in ([block] if position == 0 and (anew or not continues) else block.parts())
        )
        for group in parts_of(parts, lambda part: part.weight, MAX_JOBS):
            effects = [await self._effects(part) for part in group]
            self._observe(await self._blocks.follow(effects, final, continues=continues, anew=anew))
            anew, continues = False, True
        self._may_have_part = False

    def _observe(self, accepted: Sequence[int]) -> None:
        now = self._clock() * 1000
        for created_at in accepted:
            self._metrics.registration_seconds.observe(max(0.0, now - created_at) / 1000)

    async def _effects(self, part: ReadBlock) -> BlockEffects:
        return replace(
            effects_of(part.block, part.id),
            payments=part.payments,
            seen_by=self._confirmed.seen_by,
            keys=await keys_shown(part.block, self._settings, self._account_ids()),
            changed=part.changed,
            is_whole=part.is_whole,
        )


def read_blocks(
    blocks: Sequence[Block], ids: Sequence[str], payments: Mapping[int, tuple[OnChainTransaction, ...]]
) -> list[ReadBlock]:
    """`blocks` with their `ids`, and with those of the registrar's `payments`, by block number, that they hold."""
    return [
        ReadBlock(block, block_id, payments.get(block.number, ()), keys_changed(block))
        for block, block_id in zip(blocks, ids, strict=True)
    ]
