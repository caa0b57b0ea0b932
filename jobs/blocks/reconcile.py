"""Compares the ledger with the registrar's operations in the chain's irreversible blocks, and rebuilds what it lost."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from chain.errors import LinkError, Refused
from chain.link import Link
from chain.node import Block, Node
from jobs.blocks.account_ids import names_without_ids
from jobs.blocks.malformed import malformed, require_readable
from jobs.blocks.transactions import RegistrarTransaction, read_transactions, registrar_transactions
from jobs.errors import Code, FaucetError
from jobs.ledger.chain_status import SavedChainStatus
from jobs.ledger.pins import Pins
from jobs.ledger.reconciliation import Reconciliations
from jobs.model.operators import Contact, Difference
from jobs.model.transaction import Fate, Kind, OnChainTransaction, Recorded, is_due
from jobs.nodes.claims import account_claim
from jobs.nodes.confirmation import ConfirmedChain
from jobs.settings import Settings

log = logging.getLogger("faucet.reconcile")

RETRY_DELAY = 60.0  #: seconds before a comparison that failed is tried again


class Disagreement(StrEnum):
    """In what the ledger and the chain can differ."""

    UNKNOWN_ACCOUNT = "unknown_account"  #: an account that the registrar registered is missing from the ledger
    UNKNOWN_PAYMENT = "unknown_payment"  #: an account of a job was paid its initial balance, and the ledger lacks that
    GIVEN_UP = "given_up"  #: a block holds what the ledger gave up
    OTHER_ACCOUNT = "other_account"  #: a job has another account id than its registration gave
    PAID_TWICE = "paid_twice"  #: an account got its initial balance from more than one transaction
    NOT_THERE = "not_there"  #: the ledger calls a transaction irreversible, its block does not hold it


@dataclass(frozen=True, slots=True)
class Step:
    """How far a comparison has come."""

    block: int  #: the last one compared
    last: int  #: where it will end
    differences: int = 0  #: found so far
    recovered: int = 0  #: accounts imported so far
    foreign: int = 0  #: operations of the registrar so far that are another faucet's, or made by hand
    malformed: int = 0  #: operations so far that can't be read
    problem: str | None = None  #: of the first of these: why, and in which block

    def after(self, block: int, found: "Compared") -> "Step":
        """The step after the blocks up to `block` were compared, too."""
        return Step(
            block,
            self.last,
            self.differences + len(found.differences),
            self.recovered + found.recovered,
            self.foreign + found.foreign,
            self.malformed + found.malformed,
            self.problem or found.problem,
        )


@dataclass(frozen=True, slots=True)
class Compared:
    """What some blocks have shown."""

    differences: Sequence[Difference]
    recovered: int
    foreign: int
    malformed: int
    problem: str | None


class Reconciler:
    """Reads every irreversible block once, and again only when asked to."""

    def __init__(
        self,
        *,
        node: Node,
        reconciliation: Reconciliations,
        pins: Pins,
        chain_status: SavedChainStatus,
        settings: Settings,
        confirmed: ConfirmedChain,
    ) -> None:
        self._node = node
        self._confirmed = confirmed
        self._reconciliation = reconciliation
        self._pins = pins
        self._chain_status = chain_status
        self._settings = settings
        self._registrar_id: str | None = None
        self._contact = Contact(0)
        self._followed: int | None = None  # the last block that the ledger followed; None before the first
        self.begins_at_contact = False  #: whether it began where the ledger met the chain, as its first comparison

    async def steps(self, first: int | None = None, *, rebuild: bool = False) -> AsyncIterator[Step]:
        """Compare from block `first`, or from where the last comparison ended, to the last irreversible block.

        With `rebuild` what the ledger lacks is imported first. Raises LinkError or Refused where the node is
        away, FaucetError where the ledger is, `bad_request` where it belongs to another chain than the node's, or
        `not_found` where the chain has no such registrar.
        """
        await self._check_chain()
        self._registrar_id = await self._registrar()
        head = await self._node.head()
        last = await self._confirmed.irreversible(head)
        self._contact = await self._reconciliation.meet(last, head.number)
        begin = await self._first(last) if first is None else first
        self._followed = await self._reconciliation.last_followed()
        if not rebuild:
            last = min(last, self._followed or last)  # the rest when the ledger knows of it
        number = await self._reconciliation.begin(begin)
        step = Step(begin - 1, last)
        yield step
        async for blocks in self._confirmed.blocks(begin, last):
            found = await self._compare_blocks(number, blocks, rebuild=rebuild)
            step = step.after(blocks[-1].number, found)
            yield step

    async def _compare_blocks(self, number: int, blocks: Sequence[Block], *, rebuild: bool) -> Compared:
        """Compare `blocks`, and save what that finds as part of the comparison `number`."""
        known, start, end = self._reconciliation.known_signatures, blocks[0].number, blocks[-1].number
        await require_readable(blocks, known)
        entries = await self._with_ids(list(registrar_transactions(blocks, self._registrar_id)))
        recovered = await self._reconciliation.rebuild(await self._unknown(entries)) if rebuild else 0
        differences, foreign = await self._compare(entries, start, end)
        bad = [(block, entry) for block in blocks for entry in malformed(block.transactions)]
        problem = next((f"block {block.number}: {entry.problem}" for block, entry in bad), None)
        found = Compared(differences, recovered, foreign, sum(entry.malformed for _, entry in bad), problem)
        await self._put(number, (start, end), entries, found)
        return found

    async def _with_ids(self, entries: Sequence[RegistrarTransaction]) -> list[RegistrarTransaction]:
        """`entries` with the ids of the accounts that they registered, looked up where the blocks do not say them."""
        names = names_without_ids([entry.transaction for entry in entries])
        if not names:
            return [entry.with_ids({}) for entry in entries]
        ids = await self._confirmed.account_ids(names)
        ours = await self._reconciliation.known_signatures(entry.signature for entry in entries)
        return [entry.with_ids(ids, strict=entry.signature in ours) for entry in entries]

    async def _first(self, last: int) -> int:
        """After the last comparison; before any, where the ledger met the chain."""
        latest = await self._reconciliation.latest()
        self.begins_at_contact = latest is None
        return min(self._contact.first, last) + 1 if latest is None else latest.last_block + 1

    async def _check_chain(self) -> None:
        expected = (await self._chain_status.load()).chain_id
        if expected not in (None, await self._node.chain_id()):
            raise FaucetError(Code.BAD_REQUEST, "The ledger belongs to another chain than the node's.")

    async def _registrar(self) -> str:
        pin = (await self._pins.all()).get(account_claim(self._settings.registrar))
        if pin is not None:
            return pin.value
        account = (await self._node.accounts([self._settings.registrar]))[0]
        if account is None:
            raise FaucetError(Code.NOT_FOUND, f"The chain has no account {self._settings.registrar}.")
        return account.id

    async def _unknown(self, entries: Sequence[RegistrarTransaction]) -> list[OnChainTransaction]:
        unknown = await self._reconciliation.missing_signatures(entry.signature for entry in entries)
        lost = [entry for entry in entries if entry.signature in unknown]
        return await read_transactions(lost, self._node, self._settings) if lost else []

    async def _compare(
        self, entries: Sequence[RegistrarTransaction], first: int, last: int
    ) -> tuple[list[Difference], int]:
        """The differences in blocks `first` to `last`, and how many operations of the registrar are foreign."""
        missing = await self._reconciliation.missing_signatures(entry.signature for entry in entries)
        unknown = await self._unknown(entries)
        promised = await self._reconciliation.promised({each.name for found in unknown for each in found.operations})
        lost = list(unknown_differences(unknown, promised, self._contact))
        # Before the ledger has followed a block, it does not know what became of its transactions there.
        followed = [entry for entry in entries if entry.block.number <= (self._followed or last)]
        recorded = await self._reconciliation.recorded(entry.signature for entry in followed)
        differences = [
            *lost,
            *known_differences(followed, recorded),
            *missing_differences(await self._reconciliation.irreversible_in(first, last), entries),
        ]
        return differences, sum(len(entry.operations) for entry in entries if entry.signature in missing) - len(lost)

    async def _put(
        self, number: int, blocks: tuple[int, int], entries: Sequence[RegistrarTransaction], found: Compared
    ) -> None:
        """Save what was `found` in `blocks`, the first and the last of them."""
        operations = {kind: sum(len(entry.operations) for entry in entries if entry.kind is kind) for kind in Kind}
        latest = await self._reconciliation.latest()
        await self._reconciliation.save_compared(
            number,
            *blocks,
            found.differences,
            registrations=operations[Kind.REGISTRATION],
            payments=operations[Kind.FUNDING],
            foreign=found.foreign if latest is None or blocks[0] > latest.last_block else 0,
        )


async def reconcile_forever(
    reconciler: Reconciler, *, link: Link, reconciliation: Reconciliations, interval: float, clock: Callable[[], float]
) -> None:
    """Compare what is new whenever the last comparison is `interval` seconds old."""
    while True:
        try:
            last = await reconciliation.latest()
            due = 0.0 if last is None else last.updated_at / 1000 + interval - clock()
            await asyncio.sleep(max(due, 0))
            await link.wait_connected()
            await _reconcile(reconciler)
        except (LinkError, Refused, FaucetError) as error:
            log.warning("reconciliation failed, retrying", extra={"fields": {"reason": error}})
            await asyncio.sleep(RETRY_DELAY)


async def _reconcile(reconciler: Reconciler) -> None:
    async for step in reconciler.steps():
        level = logging.ERROR if step.differences else logging.INFO
        fields = {
            "block": step.block, "of": step.last, "differences": step.differences, "foreign": step.foreign,
            "malformed": step.malformed,
        }  # fmt: skip
        log.log(level, "blocks reconciled", extra={"fields": fields})


def unknown_differences(
    unknown: Sequence[OnChainTransaction], promised: Mapping[str, Decimal | None], contact: Contact
) -> Iterator[Difference]:
    """What of the `unknown` transactions of the registrar the ledger lacks.

    Each of its own was written ahead. So any other is another faucet's, unless the ledger had not met the chain yet or
    is an old copy; but nobody else pays an account the initial balance that a job here `promised` it.
    """
    for each in unknown:
        is_past = contact.is_past(each.block_num)
        for operation in each.operations:
            if each.kind is Kind.REGISTRATION and is_past:
                text = f"The registrar registered {operation.name}; no transaction of the ledger did."
                yield Difference(each.block_num, Disagreement.UNKNOWN_ACCOUNT, operation.name, text)
            elif each.kind is Kind.FUNDING and operation.name in promised:
                balance = promised[operation.name]
                if is_past or (balance is not None and is_due(balance, operation.amount)):
                    paid = f"The registrar paid {operation.amount} to {operation.name}"
                    text = f"{paid}; no transaction of the ledger did."
                    yield Difference(each.block_num, Disagreement.UNKNOWN_PAYMENT, operation.name, text)


def known_differences(entries: Sequence[RegistrarTransaction], recorded: Sequence[Recorded]) -> Iterator[Difference]:
    """Where the ledger has a transaction, but takes it for something else."""
    by_signature = {entry.signature: (entry, entry.accounts) for entry in entries}
    for record in recorded:
        entry, accounts = by_signature[record.signature]
        number = entry.block.number
        if record.fate in (Fate.REFUSED, Fate.EXPIRED):
            text = f"The ledger calls transaction {record.transaction_id} {record.fate}; the block holds it."
            yield Difference(number, Disagreement.GIVEN_UP, record.transaction_id, text)
        elif entry.kind is Kind.FUNDING and not record.in_force:
            text = f"{record.name} was paid by another transaction too."
            yield Difference(number, Disagreement.PAID_TWICE, record.name, text)
        elif entry.kind is Kind.REGISTRATION and record.account_id != accounts.get(record.name):
            text = f"The ledger has {record.account_id} as the account of {record.name}, the chain another."
            yield Difference(number, Disagreement.OTHER_ACCOUNT, record.name, text)


def missing_differences(
    final: dict[str, tuple[str, int]], entries: Sequence[RegistrarTransaction]
) -> Iterator[Difference]:
    """What the ledger calls irreversible, and the chain does not have."""
    there = {entry.signature: entry.block.number for entry in entries}
    for signature, (transaction_id, number) in final.items():
        if there.get(signature) != number:
            text = f"The ledger calls transaction {transaction_id} irreversible; the block does not hold it."
            yield Difference(number, Disagreement.NOT_THERE, transaction_id, text)
