"""Gives up signed transactions that no block can hold any more."""

import logging
from collections.abc import Callable, Sequence

from chain.node import Block
from jobs.blocks.account_ids import with_ids
from jobs.blocks.effects import effects_of
from jobs.blocks.malformed import only_ours
from jobs.ledger.blocks import BlockLog
from jobs.ledger.expiry import Expiry
from jobs.model.transaction import Kind, Transaction
from jobs.nodes.confirmation import ConfirmedChain

log = logging.getLogger("faucet.tracker")

CLOCK_SLACK = 5  #: seconds that the local clock may be ahead of a chain's

HELD = (
    "It has expired, and one stranger's node alone says that no block holds it: an operator must look for it "
    "on the chain. If a block holds it, run: faucet.py refollow; if none does, release it."
)


class Expirer:
    """Proves by the chain's irreversible blocks that they do not hold what expired."""

    def __init__(
        self, *, expiry: Expiry, blocks: BlockLog, confirmed: ConfirmedChain, clock: Callable[[], float]
    ) -> None:
        self._expiry = expiry
        self._blocks = blocks
        self._confirmed = confirmed
        self._clock = clock

    async def expire(self, irreversible: int, head_time: int) -> None:
        """Give up what expired before `irreversible` and is in no block since the one that it refers to.

        No block is read as long as nothing has expired at the head, whose time is `head_time`, seconds.

        Those blocks are read once more: they can't change any more, whatever forks were followed before. A payment is
        not given up on the word of one stranger, nor before it has expired by the local clock too; a registration is,
        but goes on counting against the budget. What a stranger refused or denied is looked for in the same way.
        """
        last = await self._confirmed.block(irreversible) if await self._has_expired(head_time) else None
        if last is None:
            return
        passed, trusted = self._passed(last.time), self._confirmed.trusted
        overdue = await self._expiry.overdue(passed)
        if trusted:
            overdue += await self._expiry.given_up(passed)
        else:
            await self._hold(overdue)
            overdue = [transaction for transaction in overdue if transaction.kind is not Kind.FUNDING]
        if not overdue:
            return
        first = min(transaction.reference for transaction in overdue) + 1
        included: set[str] = set()
        async for blocks in self._confirmed.blocks(first, irreversible):
            included |= await self._include_missed(blocks, overdue)
        dead = [transaction for transaction in overdue if transaction.signature not in included]
        for transaction in dead:
            fields = {"transaction": transaction.id, "kind": transaction.kind}
            log.warning("transaction expired", extra={"fields": fields})
        await self._expiry.expire(dead, proven=trusted)

    async def _has_expired(self, head_time: int) -> bool:
        """Whether there is anything that has expired at the head; no earlier block has a later time."""
        expiry = self._expiry
        return await expiry.unproven() and bool(await expiry.overdue(head_time) or await expiry.given_up(head_time))

    def _passed(self, chain_time: int) -> int:
        """The time, seconds, that has passed: by the chain, and where a stranger says that, by the local clock too."""
        return min(chain_time, int(self._clock()) - CLOCK_SLACK) if self._confirmed.stranger else chain_time

    async def _hold(self, overdue: Sequence[Transaction]) -> None:
        """Let an operator decide about expired payments: only a stranger says that no block holds them."""
        payments = [transaction for transaction in overdue if transaction.kind is Kind.FUNDING and not transaction.held]
        if payments:
            log.error("payments held for an operator", extra={"fields": {"payments": len(payments)}})
            await self._expiry.hold(payments, HELD)

    async def _include_missed(self, blocks: Sequence[Block], overdue: Sequence[Transaction]) -> set[str]:
        """Include those of `overdue` that the irreversible `blocks` hold after all; their signatures."""
        sought = {transaction.signature for transaction in overdue}
        included: set[str] = set()
        for block in blocks:
            matching = sought & {signature for entry in block.transactions for signature in entry.signatures}
            if matching:
                ours = only_ours(block, matching)
                (block_with_ids,) = await with_ids([ours], self._confirmed.account_ids)
                await self._blocks.include(effects_of(block_with_ids, ""))
                included |= matching
        return included
