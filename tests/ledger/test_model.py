"""The real ledger against a model, through random interleavings of everything that can happen to it.

A run is random signups, drains, broadcasts, blocks, forks, finality, expiry, crashes and actions of operators, in any
order; what must hold is looked at after every step, in the file, from a connection of its own. In the end all goes
well for a while, and every job must come to its end. MODEL_EXAMPLES=5000 looks at as many random runs; without it
the same few are looked at every time.
"""

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.model.job import ENDED, Job, Limits, Signup, State, Unfunded
from jobs.model.transaction import Kind, Transaction
from tests.harness.ledgers import open_ledger
from tests.harness.modelchain import GENESIS, JobOperation, ModelChain, Sendable
from tests.harness.modelledger import ModelJob, ModelLedger

LIFETIME = 5  #: seconds, which are blocks, that a transaction stays valid
LONG = 301  #: seconds after which every job may be tried again
ROUNDS = 12  #: drains, each with the blocks after it, within which all must end once all goes well
NOBODY = Unfunded((), None)

T = TypeVar("T")

NO = (Code.CHAIN_REFUSED, "no")

names = st.sampled_from(["ann-1", "bob-1", "cid-1"])
passwords = st.sampled_from(["one", "two"])
yes_or_no = st.booleans()
few = st.integers(1, 3)
some = st.integers(1, LIFETIME)
which = st.integers(0, 7)


def move(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A method of the machine with its arguments."""
    return st.tuples(st.just(name), *arguments)


#: How often each comes, beside the others: without these weights few jobs would get far.
MOVES = st.sampled_from(
    [
        choice
        for weight, choice in [
            (5, move("accept", names, passwords, yes_or_no)),
            (1, move("end_by_hand", which, st.sampled_from([State.CANCELLED, State.FAILED]))),
            (1, move("retry", which)),
            (1, move("look", few)),
            (1, move("register", few)),
            (1, move("pay", few)),
            (3, move("sign", few)),
            (3, move("send", which, yes_or_no)),
            (4, move("refuse", which, st.sets(which, max_size=2), yes_or_no, yes_or_no)),
            (3, move("drain", few)),
            (4, move("block", st.sets(which, max_size=2), yes_or_no, yes_or_no)),
            (1, move("stranger", names)),
            (2, move("empty_blocks", some)),
            (3, move("fork", few)),
            (3, move("finality", some)),
            (1, move("follow", some)),
            (2, move("finalize")),
            (1, move("expire")),
            (4, move("track")),
            (1, move("crash")),
        ]
        for _ in range(weight)
    ]
).flatmap(lambda choice: choice)


def one_of(choices: list[T], pick: int) -> list[T]:
    """One of `choices`, if there is any."""
    return [choices[pick % len(choices)]] if choices else []


class LedgerMachine(RuleBasedStateMachine):
    """The faucet's side and the chain's, step by step; `model` says what the ledger must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.runner = asyncio.Runner()
        self.now = 1_700_000_000.0
        self.ledger = self.run(self._open())
        self.file = sqlite3.connect(self.folder / "faucet.db")
        self.model = ModelLedger()
        self.chain = ModelChain()
        # What a process has in its memory, and a crash forgets.
        self.queued: list[Job] = []
        self.unfunded = NOBODY
        self.unsent: set[str] = set()  # signatures of what was signed and never sent

    def teardown(self) -> None:
        try:
            self._heal()
        finally:
            self.run(self.ledger.close())
            self.file.close()
            self.runner.close()
            shutil.rmtree(self.folder)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    # One rule for all: hypothesis leaves most rules out of most runs, and no job gets far without nearly all of them.
    @rule(move=MOVES)
    def step(self, move: tuple[Any, ...]) -> None:
        """What can't be done now is left out."""
        name, *arguments = move
        getattr(self, name)(*arguments)

    # What clients and operators do.

    def accept(self, name: str, password: str, pays: bool) -> None:
        keys = (f"{password}-owner", f"{password}-active", f"{password}-memo")
        limits = Limits(address=None, interval=0, queue=99, initial_balance="1.5" if pays else None)
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
            if self._steer(action([job.id], by="operator", reason="by hand"), {State.QUEUED}, job):
                job.ended = state

    def retry(self, pick: int) -> None:
        for job in one_of(list(self.model.jobs.values()), pick):
            if self._steer(self.ledger.operators.retry([job.id], by="operator"), {State.FAILED, State.CANCELLED}, job):
                job.ended = None

    def _steer(self, action: Coroutine[Any, Any, list[str]], states: set[State], job: ModelJob) -> bool:
        """Whether the action was to be done, and was."""
        replaced = self.model.live_job(job.name) not in (None, job)
        if self.model.state(job) in states and not replaced:
            assert self.run(action) == [job.id]
            return True
        assert self._code_of(action) in (Code.BAD_REQUEST, Code.ACCOUNT_EXISTS)
        return False

    # What the drainer does.

    def look(self, count: int) -> None:
        """Read what is to be done; much may happen before it is, and nothing stops it from being tried twice."""
        self.now += LONG
        self.queued = self.run(self.ledger.drain.queued(count))
        self.unfunded = self.run(self.ledger.drain.unfunded(count))
        waiting, unpaid = self.model.standing(State.QUEUED), self.model.unfunded()
        assert [job.number for job in self.queued] == [job.number for job in waiting[:count]]
        assert [job.number for job in self.unfunded.jobs] == [job.number for job in unpaid[:count]]

    def register(self, size: int) -> None:
        """Take what the chain already has, fail what it gave to others, sign the rest, `size` in a transaction."""
        jobs = self.queued
        known = self.chain.accounts
        ours = {job.number: known[job.signup.name][0] for job in jobs if self._is_ours(job.signup)}
        taken = [job.number for job in jobs if job.signup.name in known and job.number not in ours]
        self.run(self.ledger.drain.claim_existing(ours, self.chain.head + 1))
        self.model.claim_existing(ours, self.chain.head + 1)
        self.run(self.ledger.drain.fail(dict.fromkeys(taken, (Code.ACCOUNT_EXISTS, "Account exists"))))
        self.model.end(taken, State.FAILED)
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
        recorded = self.run(self.ledger.drain.record_signed([transaction.draft for transaction in signed]))
        ready = [transaction.signature for transaction in self.model.sign(signed)]
        assert [transaction.signature for transaction in recorded] == ready
        self.unsent.update(ready)

    def send(self, pick: int, arrives: bool) -> None:
        """Whatever the node answers, only whether the bytes arrived makes a difference."""
        for transaction in one_of(self.run(self.ledger.drain.live()), pick):
            self._broadcast(transaction, arrives=arrives)

    def refuse(self, pick: int, rejected: set[int], counted: bool, lies: bool) -> None:
        """The first node that a registration is sent to refuses it; a node that lies has taken it all the same."""
        for transaction in one_of(self.run(self.ledger.drain.live()), pick):
            if transaction.kind is Kind.REGISTRATION and transaction.signature in self.unsent:
                self._broadcast(transaction, arrives=lies)
                blamed = [job for position, job in enumerate(transaction.jobs) if position in rejected]
                self.run(self.ledger.drain.refuse(transaction, rejected=dict.fromkeys(blamed, NO), counted=counted))
                self.model.give_up(self.model.signed[transaction.signature], self.model.refused)
                self.model.end(blamed, State.FAILED)

    def _broadcast(self, transaction: Transaction, *, arrives: bool) -> None:
        """Nothing leaves that is not on disk with all that must be known of it."""
        sendable = self.model.signed[transaction.signature]
        on_disk = self._rows(
            "SELECT body, reference, expiration, group_concat(job) FROM transactions JOIN operations ON txn = number "
            "WHERE signature = ?",
            transaction.signature,
        )
        draft = sendable.draft
        assert on_disk == [(draft.body, draft.reference, draft.expiration, ",".join(map(str, draft.jobs)))]
        self.unsent.discard(transaction.signature)
        if arrives:
            self.chain.sent[transaction.signature] = sendable

    def sign(self, size: int) -> None:
        """A drain up to where something leaves."""
        self.look(99)
        self.pay(size)
        self.register(size)

    def drain(self, size: int) -> None:
        """A drain from end to end, in which nothing goes wrong."""
        self.sign(size)
        for transaction in self.run(self.ledger.drain.live()):
            self._broadcast(transaction, arrives=True)

    # What the chain does.

    def block(self, left_out: set[int], turned: bool, has_results: bool) -> None:
        """A block of most that was sent; the order decides on the ids, which it says or not."""
        sent = [each for position, each in enumerate(self.chain.sent.values()) if position not in left_out]
        self.chain.produce(reversed(sent) if turned else sent, has_results=has_results)

    def stranger(self, name: str) -> None:
        """A block in which somebody else takes a name."""
        self.chain.produce(stranger=name)

    def empty_blocks(self, blocks: int) -> None:
        for _ in range(blocks):
            self.chain.produce()

    def fork(self, blocks: int) -> None:
        self.chain.fork(blocks)

    def finality(self, blocks: int) -> None:
        self.chain.finalise(blocks)

    # What the tracker does.

    def follow(self, most: int) -> None:
        """Leave a fork block by block, then follow up to `most` blocks."""
        while (last := self.run(self.ledger.blocks.last())) and not self._is_on_chain(*last):
            self.run(self.ledger.blocks.orphan(last[0]))
            self.model.orphan(last[0])
        first = last[0] + 1 if last else self._first_block()
        blocks = self.chain.blocks[first - 1 : first - 1 + most]
        if blocks:
            self.run(self.ledger.blocks.follow([block.effects for block in blocks], self.chain.irreversible))
            for block in blocks:
                self.model.include(block)

    def finalize(self) -> None:
        """Look at what the irreversible blocks hold."""
        irreversible = self._followed_for_good()
        for transaction in self.run(self.ledger.blocks.unfinalized(irreversible)):
            block = self.chain.block(transaction.block_num or 0)
            results = block.held.get(transaction.signature)
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
        """Give up what expired, unless an irreversible block holds it."""
        irreversible = self._followed_for_good()
        held = self.chain.held_by(irreversible)
        overdue = self.run(self.ledger.expiry.overdue(irreversible))
        # The block after one as old as the expiration may still hold it.
        expected = [transaction.signature for transaction in self.model.live() if transaction.expiration < irreversible]
        assert [transaction.signature for transaction in overdue] == expected
        for transaction in overdue:
            if transaction.signature in held:
                block = held[transaction.signature]
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
        """All but the file is lost."""
        self.run(self.ledger.close())
        self.queued, self.unfunded = [], NOBODY
        self.unsent.clear()
        self.ledger = self.run(self._open())

    # What must hold after every step.

    @invariant()
    def every_job_stands_where_it_must(self) -> None:
        """Every signup that was answered is on disk, and its row agrees with what was told to the ledger."""
        rows = self._rows(
            """
            SELECT jobs.number, jobs.id, name, owner_key, active_key, memo_key, state, account_id, irreversible,
                   registered.signature, funded.signature
            FROM jobs LEFT JOIN transactions AS registered ON registered.number = registration
            LEFT JOIN transactions AS funded ON funded.number = funding ORDER BY jobs.number
            """
        )
        expected = [
            (
                job.number, job.id, job.name, *job.keys, self.model.state(job), job.account_id, job.final,
                job.registration, job.funding,
            )
            for job in self.model.jobs.values()
        ]  # fmt: skip
        assert rows == expected

    @invariant()
    def every_transaction_has_its_fate(self) -> None:
        rows = self._rows("SELECT signature, fate FROM transactions")
        assert dict(rows) == {signature: self.model.fate(signature) for signature in self.model.signed}

    @invariant()
    def counts_are_right(self) -> None:
        counted = Counter(self.model.state(job) for job in self.model.jobs.values())
        assert Counter(dict(self._rows("SELECT state, jobs FROM job_counts"))) == counted
        registered = sum(job.account_id is not None for job in self.model.jobs.values())
        charted = "SELECT coalesce(sum(accepted), 0), coalesce(sum(registered), 0) FROM activity WHERE span = 'day'"
        assert self._rows(charted) == [(len(self.model.jobs), registered)]
        assert dict(self._rows("SELECT name, account_id FROM names")) == {
            name: account_id for name, (account_id, _) in self.model.names.items()
        }

    @invariant()
    def nobody_is_paid_twice_or_by_mistake(self) -> None:
        """On the chain, whatever the ledger believes: each payment is its job's, to its own account, and the only."""
        accounts = self.chain.accounts
        paid = list(self.chain.payments)
        assert all(accounts[operation.name] == (operation.account_id, operation.keys) for operation in paid)
        assert all(self.model.jobs[operation.job].pays for operation in paid)
        assert max(Counter(operation.name for operation in paid).values(), default=0) <= 1

    @invariant()
    def done_is_irreversible(self) -> None:
        """A job that is done has its account, and its balance, in blocks that stay."""
        final = self.chain.blocks[: self.chain.irreversible]
        accounts = {name: account for block in final for name, account in block.accounts.items()}
        paid = {operation.account_id for block in final for operation in block.paid}
        for job in self.model.standing(State.DONE):
            assert accounts.get(job.name) == (job.account_id, job.keys)
            assert not job.pays or job.account_id in paid

    # What must come of it.

    def _heal(self) -> None:
        """Everything goes well from now on: every job ends."""
        for _ in range(ROUNDS):
            self.track()
            if all(self.model.state(job) in ENDED for job in self.model.jobs.values()):
                return
            self.drain(1)
            self.chain.produce(self.chain.sent.values())
            self.empty_blocks(LIFETIME)
            self.chain.finalise(self.chain.head)
            self.nobody_is_paid_twice_or_by_mistake()
        raise AssertionError(f"not ended: {[job.name for job in self.model.standing(*set(State) - ENDED)]}")

    # The parts of it all.

    async def _open(self) -> Ledger:
        return await open_ledger(self.folder, lambda: self.now)

    def _rows(self, sql: str, *parameters: Any) -> list[Any]:
        """What another process sees in the file."""
        return self.file.execute(sql, parameters).fetchall()

    def _code_of(self, attempt: Coroutine[Any, Any, Any]) -> Code:
        """The code that `attempt` fails with, as it must."""
        try:
            self.run(attempt)
        except FaucetError as error:
            return error.code
        raise AssertionError("it was done")

    def _is_ours(self, signup: Signup) -> bool:
        """Whether the chain has the account with the signup's keys."""
        return signup.name in self.chain.accounts and self.chain.accounts[signup.name][1] == signup.keys

    def _is_on_chain(self, number: int, block_id: str) -> bool:
        return number <= self.chain.head and self.chain.block(number).id == block_id

    def _reference(self) -> tuple[int, str] | None:
        """What a registration refers to: an irreversible block that was followed."""
        if self.chain.irreversible == 0:
            return GENESIS
        oldest = self.run(self.ledger.blocks.oldest())
        return oldest if oldest is not None and oldest[0] <= self.chain.irreversible else None

    def _first_block(self) -> int:
        """Where following begins: a live transaction may be in any block since the one that it refers to."""
        oldest = self.run(self.ledger.blocks.oldest_reference())
        known = [self.chain.irreversible] if oldest is None else [self.chain.irreversible, oldest]
        return max(1, min(known))

    def _followed_for_good(self) -> int:
        """The last irreversible block, or the last that was followed."""
        last = self.run(self.ledger.blocks.last())
        return min(self.chain.irreversible, last[0]) if last else 0


EXAMPLES = os.environ.get("MODEL_EXAMPLES")

TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=int(EXAMPLES or 100),
    stateful_step_count=120,
    derandomize=EXAMPLES is None,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
)
