"""The real ledger against a model, through random interleavings of everything that can happen to it.

A run is random signups, drains, broadcasts, blocks, forks, finality, expiry, crashes and actions of operators, in any
order. The invariants are checked after every step, in the file, through a connection of its own. In the end nothing
goes wrong for a while, and every job must end. MODEL_EXAMPLES=5000 checks that many random runs; without it the same
few runs are checked every time.
"""

import os
from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from jobs.model.job import ENDED, State
from tests.harness.engines import in_postgresql
from tests.harness.ledger_steps import LIFETIME, LedgerSteps

ROUNDS = 12  #: drains, each with the blocks after it, within which all must end once all goes well

names = st.sampled_from(["ann-1", "bob-1", "cid-1"])
passwords = st.sampled_from(["one", "two"])
yes_or_no = st.booleans()
few = st.integers(1, 3)
some = st.integers(1, LIFETIME)
which = st.integers(0, 7)


def move(name: str, *arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A method of the machine with its arguments."""
    return st.tuples(st.just(name), *arguments)


#: Weighted: with equal weights few jobs would get far.
MOVES = st.sampled_from(
    [
        choice
        for weight, choice in [
            (5, move("accept", names, passwords, yes_or_no)),
            (1, move("end_by_hand", which, st.sampled_from([State.CANCELLED, State.FAILED]))),
            (1, move("retry", which)),
            (1, move("read_queue", few)),
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
            (2, move("follow", some, yes_or_no)),
            (2, move("finalize")),
            (1, move("expire")),
            (4, move("track")),
            (1, move("crash")),
        ]
        for _ in range(weight)
    ]
).flatmap(lambda choice: choice)


class LedgerMachine(LedgerSteps):
    """Takes random steps, and checks the invariants after each."""

    # One rule for all: hypothesis leaves most rules out of most runs, and no job gets far without nearly all of them.
    @rule(move=MOVES)
    def step(self, move: tuple[Any, ...]) -> None:
        name, *arguments = move
        getattr(self, name)(*arguments)

    def teardown(self) -> None:
        try:
            self._heal()
        finally:
            super().teardown()

    # What must hold after every step.

    @invariant()
    def every_job_stands_where_it_must(self) -> None:
        """Every accepted signup is on disk, and its row agrees with the model."""
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
        """On the chain, whatever the ledger says: each payment is its job's, to the job's account, and the only one."""
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

    # What must come of it: liveness.

    def _heal(self) -> None:
        """Nothing goes wrong from now on: every job ends."""
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


EXAMPLES = os.environ.get("MODEL_EXAMPLES")

SETTINGS = settings(
    max_examples=int(EXAMPLES or 100),
    stateful_step_count=120,
    derandomize=EXAMPLES is None,
    deadline=None,
    print_blob=True,
    report_multiple_bugs=False,
)

TestLedger = LedgerMachine.TestCase
TestLedger.settings = SETTINGS
TestLedgerInPostgresql = in_postgresql(LedgerMachine.TestCase, settings(SETTINGS, max_examples=int(EXAMPLES or 20)))
