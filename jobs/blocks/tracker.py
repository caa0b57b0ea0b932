"""Follows the chain's blocks: includes, orphans, finalizes and expires transactions."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import groupby, pairwise

from chain.errors import LinkError, Refused, UnfitNode
from chain.node import Block, Head, Node
from jobs.blocks.account_ids import with_ids
from jobs.blocks.effects import accounts_of, results_of
from jobs.blocks.expirer import Expirer
from jobs.blocks.malformed import MalformedOperations, only_ours
from jobs.blocks.recording import BlockRecorder, read_blocks
from jobs.blocks.transactions import PAYING, read_transactions, registrar_transactions
from jobs.errors import FaucetError
from jobs.ledger.blocks import REWIND, BlockLog
from jobs.ledger.reconciliation import Reconciliations
from jobs.ledger.store import MAX_JOBS, parts_of
from jobs.model.transaction import OnChainTransaction, Transaction, is_due
from jobs.monitoring.metrics import Metrics
from jobs.nodes.confirmation import ConfirmedChain
from jobs.settings import Settings
from jobs.template import has_keys_of

log = logging.getLogger("faucet.tracker")

CHUNK = 50  #: blocks handled at once while catching up

FAILED = "The faucet failed while it followed blocks: its log says how."
FOREIGN = (
    "has another block {number} than the one that was final already: if the chain was started anew, "
    "use a new ledger; if an earlier node made blocks up, run: faucet.py refollow"
)


class Tracker:
    """Brings the ledger to the chain's head. `follow` is called for each new block, never twice at once."""

    def __init__(
        self,
        *,
        node: Node,
        blocks: BlockLog,
        expirer: Expirer,
        reconciliation: Reconciliations,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], float],
        confirmed: ConfirmedChain,
        account_ids: Callable[[], Mapping[str, str]],
        check_head: Callable[[Head], Awaitable[None]],
        on_read: Callable[[], Awaitable[None]] | None = None,
        final_before: int = 0,
    ) -> None:
        """`account_ids` are pinned, by configured name; `check_head` raises UnfitNode; `final_before` was final."""
        self._node = node
        self._blocks = blocks
        self._expirer = expirer
        self._reconciliation = reconciliation
        self._settings = settings
        self._confirmed = confirmed
        self._account_ids = account_ids
        self._check_head = check_head
        self._on_read = on_read  # called after each recorded group of blocks
        self._recorder = BlockRecorder(
            blocks=blocks, settings=settings, confirmed=confirmed, account_ids=account_ids, metrics=metrics, clock=clock
        )
        self._malformed = MalformedOperations(ours=reconciliation.known_signatures, metrics=metrics, clock=clock)
        self._has_met = False
        self.final = final_before  #: number of the last block that stays, as far as it is confirmed
        self.obstacle: str | None = None  #: why blocks can't be followed, for people
        self.unconfirmed: str | None = None  #: why nothing is taken for final, for people
        #: Every block was followed once since the start. Before that the ledger, which may have come from a
        #: backup, may not know what was signed with the registrar's key, so nothing new must be.
        self.caught_up = False

    async def follow(self) -> Head:
        """Follow every block up to the head, leave forks, finalize what is irreversible; the head.

        Raises LinkError, Refused or FaucetError where node or ledger are away, UnfitNode for a head that can't be: the
        next call goes on. What only a second node could confirm waits, and `unconfirmed` says why.
        """
        try:
            head = await self._node.head()
            await self._check_head(head)
            await self._meet(head)
            if await self._leave_fork(head):
                await self._read_blocks(head)
            followed = await self._blocks.last()
            self.obstacle = None
        except (LinkError, Refused) as error:
            self.obstacle = f"Blocks can't be followed: {error}"
            raise
        except FaucetError:
            raise  # the ledger tells of itself
        except Exception:
            self.obstacle = FAILED
            raise
        self.caught_up |= (followed[0] if followed else 0) >= head.number
        if followed is not None:
            await self._finalize_confirmed(head, followed[0])
        return head

    async def _meet(self, head: Head) -> None:
        """Keep where the ledger met the chain: what the registrar did before is no concern of the ledger."""
        if not self._has_met:
            await self._reconciliation.meet(head.irreversible, head.number)
            self._has_met = True

    async def _finalize_confirmed(self, head: Head, followed: int) -> None:
        try:
            final = min(await self._confirmed.irreversible(head), followed)
            await self._confirmed.check_past(final, await self._blocks.id_of(final - 1))
            await self._finalize(final, head)
            self.final, self.unconfirmed = max(self.final, final), None
        except (LinkError, Refused) as error:
            known, self.unconfirmed = self.unconfirmed, f"Nothing is taken for final: {error}"
            if self.unconfirmed != known:
                log.warning("blocks not confirmed", extra={"fields": {"reason": self.unconfirmed}})

    async def _leave_fork(self, head: Head) -> bool:
        """Undo blocks that the chain no longer has; whether there is anything to read."""
        last = await self._blocks.last()
        if last is None or last[0] < head.number:
            return True
        remembered = await self._blocks.id_of(head.number)
        if remembered in (head.id, None):
            return False  # the same block, or a node that is behind
        await self._orphan(head.number)
        return True

    async def _orphan(self, number: int) -> None:
        """Undo block `number` and later ones. Raises UnfitNode where that was final long ago."""
        if number <= self.final - REWIND:
            raise UnfitNode(FOREIGN.format(number=number))
        lost = await self._blocks.orphan(number)
        log.warning("block orphaned", extra={"fields": {"block": number, "transactions": lost}})

    async def _read_blocks(self, head: Head) -> None:
        """Follow the blocks after the last one known, each checked to follow its predecessor."""
        chunk = CHUNK
        while True:
            last = await self._blocks.last()
            if last is None:
                self.final = 0  # the first time, or an operator has said that what was final is not
            first = await self._first_block(head) if last is None else last[0] + 1
            if first > head.number:
                return
            blocks = await self._node.blocks(range(first, min(head.number, first + chunk) + 1))
            if not blocks:
                return
            if last is not None and blocks[0].previous != last[1]:
                await self._orphan(last[0])
                chunk = 1  # the fork may go far back: what comes after it is read once, when its beginning is found
                continue
            chunk = CHUNK
            if not await self._record(blocks, head, continues=last is not None):
                return

    async def _first_block(self, head: Head) -> int:
        """Where to begin: a little before the last irreversible block, or where a live transaction may already be."""
        oldest, begin = await self._blocks.oldest_reference(), head.irreversible - REWIND
        return max(1, begin if oldest is None else min(oldest, begin))

    async def _record(self, blocks: Sequence[Block], head: Head, *, continues: bool) -> bool:
        """Record what `blocks` hold; whether that made progress.

        A block carries its predecessor's id, not its own: the last one is left for the next round unless it
        is the head, whose id is known.
        """
        ids = [successor.previous for _, successor in pairwise(blocks)]
        if blocks[-1].number == head.number:
            ids.append(head.id)
        payments = await self._unknown_payments(blocks[: len(ids)])
        ours = self._reconciliation.known_signatures
        blocks = await with_ids(blocks[: len(ids)], self._node.account_ids, ours=ours)
        await self._malformed.pass_over(blocks)
        final = self.final if self._confirmed.stranger else head.irreversible
        read = read_blocks(blocks, ids, payments)
        await self._recorder.record(read, final, continues=continues)
        if read and self._on_read is not None:
            await self._on_read()
        return bool(read)

    async def _unknown_payments(self, blocks: Sequence[Block]) -> dict[int, tuple[OnChainTransaction, ...]]:
        """The registrar's payments to accounts of jobs that the ledger has no record of, by block number.

        A ledger restored from a backup has jobs that were paid since: paying them again would be for good.
        """
        registrar_id = self._account_ids().get(self._settings.registrar)
        paid = list(registrar_transactions(blocks, registrar_id, PAYING))
        unknown = await self._reconciliation.missing_signatures(entry.signature for entry in paid)
        lost = [entry for entry in paid if entry.signature in unknown]
        if not lost:
            return {}
        await self._confirmed.confirm(list({entry.block.number: entry.block for entry in lost}.values()))
        return await self._concerning_jobs(await read_transactions(lost, self._node, self._settings))

    async def _concerning_jobs(self, found: Sequence[OnChainTransaction]) -> dict[int, tuple[OnChainTransaction, ...]]:
        """Those of `found` that pay what was promised to a job, by block number; others are another faucet's."""
        promised = await self._reconciliation.promised({entry.name for each in found for entry in each.operations})
        payments: dict[int, tuple[OnChainTransaction, ...]] = {}
        for payment in found:
            balances = ((promised.get(operation.name), operation.amount) for operation in payment.operations)
            if any(balance is not None and is_due(balance, amount) for balance, amount in balances):
                payments[payment.block_num] = (*payments.get(payment.block_num, ()), payment)
        if payments:
            log.warning("unknown payments imported", extra={"fields": {"blocks": len(payments)}})
        return payments

    async def _finalize(self, irreversible: int, head: Head) -> None:
        """Finish what `irreversible` and the blocks before it hold, and give up what they can never hold."""
        for number, transactions in groupby(
            await self._blocks.unfinalized(irreversible), lambda transaction: transaction.block_num
        ):
            await self._finalize_block(number or 0, list(transactions))
        await self._finalize_claimed(irreversible)
        await self._expirer.expire(irreversible, head.time)

    async def _finalize_block(self, number: int, transactions: Sequence[Transaction]) -> None:
        """Check `transactions` against the irreversible block itself, read once: only that proves them.

        Accounts whose ids it does not say are looked up once more: now they can't change.
        """
        block = await self._confirmed.block(number)
        if block is None:
            return
        ours = only_ours(block, {transaction.signature for transaction in transactions})
        (block,) = await with_ids([ours], self._confirmed.account_ids)
        if not self._confirmed.trusted:
            made = (account for entry in block.transactions for account in accounts_of(entry))
            await self._confirmed.check_ids(dict(made))
        results = results_of(block)
        included = [(entry, results[entry.signature]) for entry in transactions if entry.signature in results]
        for part in parts_of(included, lambda each: len(each[0].jobs), MAX_JOBS):
            await self._blocks.finalize(part)
        for transaction in transactions:
            if transaction.signature not in results:
                fields = {"transaction": transaction.id, "block": number}
                log.warning("transaction missing from irreversible block", extra={"fields": fields})
                await self._blocks.release(transaction)

    async def _finalize_claimed(self, irreversible: int) -> None:
        jobs = await self._blocks.claimed(irreversible)
        if not jobs:
            return
        accounts = await self._confirmed.accounts([job.signup.name for job in jobs])
        ids = self._account_ids()
        await self._blocks.finalize_claimed(
            {
                job.number: account.id
                if account is not None and has_keys_of(job.signup, account, self._settings, ids)
                else None
                for job, account in zip(jobs, accounts, strict=True)
            }
        )
