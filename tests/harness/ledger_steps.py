"""Steps that a state machine takes on the real ledger and on its model alike."""

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from jobs.errors import Code
from jobs.model.job import Limits, Signup, State
from jobs.model.transaction import BlockEffects, Kind, Transaction
from tests.harness.ledger_and_model import NOBODY, LedgerAndModel
from tests.harness.modelchain import GENESIS, JobOperation, Sendable
from tests.harness.modelledger import ModelJob

LIFETIME = 5  #: seconds, which are blocks, that a transaction stays valid
RETRY_AFTER = 301  #: seconds after which every job may be tried again
REFUSED = (Code.CHAIN_REFUSED, "no")

T = TypeVar("T")


def one_of(choices: list[T], pick: int) -> list[T]:
    """One of `choices`, if there is any."""
    return [choices[pick % len(choices)]] if choices else []


class LedgerSteps(LedgerAndModel):
    """The faucet's steps and the chain's, each also applied to `model`, which says what the ledger must hold.

    A step that cannot be done now does nothing.
    """

    # What clients and operators do.

    def accept(self, name: str, password: str, pays: bool) -> None:
        keys = (f"{password}-owner", f"{password}-active", f"{password}-memo")
        limits = Limits(queue=99, initial_balance="1.5" if pays else None)
        live = self.model.live_job(name)
        work = self.ledger.signups.accept(Signup(name, *keys), limits)
        if live.keys != keys if live else name in self.model.names:
            assert self._code_of(work) is Code.ACCOUNT_EXISTS
            return
        job = self.run(work)
        assert live is None or job.id == live.id
        if live is None:
            assert job.number not in self.model.jobs
            self.model.jobs[job.number] = ModelJob(job.number, job.id, name, keys, pays)

    def end_by_hand(self, pick: int, state: State) -> None:
        action = self.ledger.operators.cancel if state is State.CANCELLED else self.ledger.operators.fail
        for job in one_of(list(self.model.jobs.values()), pick):
            if self._act(action([job.id], by="operator", reason="by hand"), {State.QUEUED}, job):
                job.ended = state

    def retry(self, pick: int) -> None:
        for job in one_of(list(self.model.jobs.values()), pick):
            if self._act(self.ledger.operators.retry([job.id], by="operator"), {State.FAILED, State.CANCELLED}, job):
                job.ended = None

    def _act(self, action: Coroutine[Any, Any, list[str]], states: set[State], job: ModelJob) -> bool:
        """Whether the action was legal, and was done."""
        replaced = self.model.live_job(job.name) not in (None, job)
        if self.model.state(job) in states and not replaced:
            assert self.run(action) == [job.id]
            return True
        assert self._code_of(action) in (Code.BAD_REQUEST, Code.ACCOUNT_EXISTS)
        return False

    # What the drainer does.

    def read_queue(self, count: int) -> None:
        """Read the drain's queue: other steps may come before it is handled, and it may be handled twice."""
        self.now += RETRY_AFTER
        self.queued = self.run(self.ledger.drain.queued(count))
        self.unfunded = self.run(self.ledger.drain.unfunded(count))
        waiting, unpaid = self.model.standing(State.QUEUED), self.model.unfunded()
        assert [job.number for job in self.queued] == [job.number for job in waiting[:count]]
        assert [job.number for job in self.unfunded.jobs] == [job.number for job in unpaid[:count]]

    def register(self, size: int) -> None:
        """Claim accounts that exist with our keys, fail taken names, sign the rest, `size` to a transaction."""
        jobs = self.queued
        known = self.chain.accounts
        ours = {job.number: known[job.signup.name][0] for job in jobs if self._is_ours(job.signup)}
        taken_elsewhere = [job.number for job in jobs if job.signup.name in known and job.number not in ours]
        self.run(self.ledger.drain.claim_existing(ours, self.chain.head + 1))
        self.model.claim_existing(ours, self.chain.head + 1)
        self.run(self.ledger.drain.fail(dict.fromkeys(taken_elsewhere, (Code.ACCOUNT_EXISTS, "Account exists"))))
        self.model.end(taken_elsewhere, State.FAILED)
        reference = self._reference()
        if reference is not None:
            free = [JobOperation(job.number, job.signup.name, job.signup.keys, None) for job in jobs]
            free = [operation for operation in free if operation.name not in known]
            self._sign(Kind.REGISTRATION, free, size, reference)

    def pay(self, size: int) -> None:
        """Sign the initial balances, `size` in a transaction."""
        jobs, last_block = self.unfunded.jobs, self.unfunded.last_block
        due = [JobOperation(job.number, job.signup.name, job.signup.keys, job.account_id) for job in jobs]
        self._sign(Kind.FUNDING, due, size, last_block or GENESIS)

    def _sign(self, kind: Kind, operations: list[JobOperation], size: int, reference: tuple[int, str]) -> None:
        groups = [tuple(operations[start : start + size]) for start in range(0, len(operations), size)]
        signed = [Sendable(kind, group, reference, self.chain.head + LIFETIME) for group in groups]
        recorded = self.run(self.ledger.drain.record_signed([transaction.signed_transaction for transaction in signed]))
        ready = [transaction.signature for transaction in self.model.sign(signed)]
        assert [transaction.signature for transaction in recorded] == ready
        self.unsent.update(ready)

    def send(self, pick: int, arrives: bool) -> None:
        """Only whether the bytes arrive matters, not what the node answers."""
        for transaction in one_of(self.run(self.ledger.drain.live()), pick):
            self._broadcast(transaction, arrives=arrives)

    def refuse(self, pick: int, rejected: set[int], counted: bool, lies: bool) -> None:
        """The first node that gets a registration refuses it; a node that lies has accepted it all the same."""
        for transaction in one_of(self.run(self.ledger.drain.live()), pick):
            if transaction.kind is Kind.REGISTRATION and transaction.signature in self.unsent:
                self._broadcast(transaction, arrives=lies)
                blamed = [job for position, job in enumerate(transaction.jobs) if position in rejected]
                self.run(
                    self.ledger.drain.refuse(transaction, rejected=dict.fromkeys(blamed, REFUSED), counted=counted)
                )
                self.model.give_up(self.model.signed[transaction.signature], self.model.refused)
                self.model.end(blamed, State.FAILED)

    def _broadcast(self, transaction: Transaction, *, arrives: bool) -> None:
        """A transaction is broadcast only once it is on disk with its jobs, reference and expiration."""
        sendable = self.model.signed[transaction.signature]
        on_disk = self._rows(
            "SELECT body, reference, expiration, job FROM transactions JOIN operations ON txn = number "
            "WHERE signature = ? ORDER BY position",
            transaction.signature,
        )
        signed = sendable.signed_transaction
        assert on_disk == [(signed.body, signed.reference, signed.expiration, job) for job in signed.jobs]
        self.unsent.discard(transaction.signature)
        if arrives:
            self.chain.sent[transaction.signature] = sendable

    def sign(self, size: int) -> None:
        """A drain up to the first broadcast."""
        self.read_queue(99)
        self.pay(size)
        self.register(size)

    def drain(self, size: int) -> None:
        """A whole drain in which nothing goes wrong."""
        self.sign(size)
        for transaction in self.run(self.ledger.drain.live()):
            self._broadcast(transaction, arrives=True)

    # What the chain does.

    def block(self, left_out: set[int], turned: bool, has_results: bool) -> None:
        """A block of what was sent but for `left_out`; the order decides the ids, which the block may leave out."""
        sent = [each for position, each in enumerate(self.chain.sent.values()) if position not in left_out]
        self.chain.produce(reversed(sent) if turned else sent, has_results=has_results)

    def stranger(self, name: str) -> None:
        """A block in which a third party registers a name."""
        self.chain.produce(stranger=name)

    def empty_blocks(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.produce()

    def fork(self, blocks: int) -> None:
        self.chain.fork(blocks)

    def finality(self, blocks: int) -> None:
        self.chain.finalise(blocks)

    # What the tracker does.

    def follow(self, most: int, torn: bool = False) -> None:
        """Leave a fork block by block, then follow up to `most` blocks; a crash may come amid the first of them."""
        while (last := self.run(self.ledger.blocks.last())) and not self._is_on_chain(*last):
            self.run(self.ledger.blocks.orphan(last[0]))
            self.model.orphan(last[0])
        first = last[0] + 1 if last else self._first_block()
        blocks = self.chain.blocks[first - 1 : first - 1 + most]
        if blocks:
            if torn:
                self._follow_part(blocks[0].effects)
            effects = [block.effects for block in blocks]
            self.run(self.ledger.blocks.follow(effects, self.chain.irreversible, anew=torn))
            for block in blocks:
                self.model.include(block)

    def _follow_part(self, block: BlockEffects) -> None:
        """Record half of a block that is on another fork, of which nobody is paid, then crash."""
        half = slice(len(block.results) // 2 + 1)
        elsewhere = {
            signature: tuple(account_id and f"{account_id}999" for account_id in results)
            for signature, results in list(block.results.items())[half]
        }
        accounts = tuple((name, f"{account_id}999") for name, account_id in block.accounts[half])
        part = replace(block, results=elsewhere, accounts=accounts, is_whole=False)
        self.run(self.ledger.blocks.follow([part], self.chain.irreversible))
        due = self.run(self.ledger.drain.unfunded(99))
        assert [job.number for job in due.jobs] == [job.number for job in self.model.unfunded()]
        self.crash()

    def finalize(self) -> None:
        """Finalize or release the transactions of irreversible blocks."""
        irreversible = self._followed_for_good()
        for transaction in self.run(self.ledger.blocks.unfinalized(irreversible)):
            block = self.chain.block(transaction.block_num or 0)
            results = block.results.get(transaction.signature)
            if results is None:
                self.run(self.ledger.blocks.release(transaction))
                self.model.release(transaction.signature)
            else:
                self.run(self.ledger.blocks.finalize([(transaction, results)]))
                self.model.finalize(transaction.signature, results)
        self._finalize_claimed(irreversible)

    def _finalize_claimed(self, irreversible: int) -> None:
        jobs = self.run(self.ledger.blocks.claimed(irreversible))
        assert {job.number for job in jobs} == {job.number for job in self.model.claimed(irreversible)}
        accounts = {
            job.number: self.chain.accounts[job.signup.name][0] if self._is_ours(job.signup) else None for job in jobs
        }
        self.run(self.ledger.blocks.finalize_claimed(accounts))
        for number, account_id in accounts.items():
            self.model.finalize_claimed(self.model.jobs[number], account_id)

    def expire(self) -> None:
        """Expire overdue transactions, unless an irreversible block includes them."""
        irreversible = self._followed_for_good()
        including_blocks = self.chain.including_blocks(irreversible)
        overdue = self.run(self.ledger.expiry.overdue(irreversible))
        # The block after one as old as the expiration may still hold it.
        expected = [transaction.signature for transaction in self.model.live() if transaction.expiration < irreversible]
        assert [transaction.signature for transaction in overdue] == expected
        for transaction in overdue:
            if transaction.signature in including_blocks:
                block = including_blocks[transaction.signature]
                self.run(self.ledger.blocks.include(block.effects))
                self.model.include(block)
            else:
                self.run(self.ledger.expiry.expire([transaction]))
                self.model.give_up(self.model.signed[transaction.signature], self.model.expired)

    def track(self) -> None:
        """A round of the tracker in which nothing goes wrong."""
        self.follow(99)
        self.finalize()
        self.expire()

    # What a crash does.

    def crash(self) -> None:
        """Everything but the file is lost."""
        self.run(self.ledger.close())
        self.queued, self.unfunded = [], NOBODY
        self.unsent.clear()
        self.ledger = self.run(self._open())
