"""Pure decisions of a drain."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.packing import Operation
from chain.refusals import read_refusal
from chain.transactions import account_create
from jobs.drain.batch import (
    ENVELOPE,
    MAX_OPERATIONS,
    MAX_TRIES,
    Candidate,
    affordable,
    before_fee_step,
    handle_refusal,
    pack_transactions,
)
from jobs.errors import Code
from jobs.model.job import Job, Signup, State
from tests.harness.program import keys_of
from tests.harness.support import data

ERRORS: dict[str, Any] = data("node-errors.json")
NAMES = ("a-1", "b-2", "c-3", "d-4")


def candidate(number: int, name: str, *, size: int = 150, cost: int = 10, attempts: int = 0) -> Candidate:
    job = Job(
        number=number, id=name, signup=Signup(name, **keys_of("any")), state=State.QUEUED, account_id=None,
        transaction_id=None, block_num=None, irreversible=False, initial_balance=None, attempts=attempts,
        code=None, reason=None, created_at=0, updated_at=0,
    )  # fmt: skip
    return Candidate(job, msgspec.json.encode(registration(name)), bytes(size), cost, cost)


def registration(name: str) -> Operation:
    key = keys_of("any")["owner_key"]
    return account_create(
        registrar="1.2.7", referrer="1.2.7", referrer_percent=0, name=name, owner_key=key, active_key=key, memo_key=key
    )


GROUP = tuple(candidate(number, name) for number, name in enumerate(NAMES))


def refusal(case: str, rejected: str | None = None) -> Any:
    """The real refusal of `case`, naming `rejected` where the node named an operation."""
    error = ERRORS[case]["error"]
    if rejected is not None:
        frame = {"method": "apply_operation", "data": {"op": registration(rejected)}}
        error = {**error, "data": {**error["data"], "stack": [error["data"]["stack"][0], frame]}}
    return read_refusal(error)


@given(st.lists(st.integers(100, 400), max_size=60), st.integers(600, 3000))
def test_transactions_are_full_and_none_is_too_large(sizes: list[int], max_weight: int) -> None:
    candidates = [candidate(number, f"n-{number}", size=size) for number, size in enumerate(sizes)]
    groups = pack_transactions(candidates, max_weight)
    assert [entry for group in groups for entry in group] == candidates
    weights = [ENVELOPE + sum(entry.size for entry in group) for group in groups]
    assert all(weight <= max_weight for weight in weights)
    for weight, following in zip(weights, groups[1:], strict=False):
        assert weight + following[0].size > max_weight


def test_no_transaction_has_so_many_operations_that_a_node_errs() -> None:
    groups = pack_transactions([candidate(0, "a-1", size=1)] * (MAX_OPERATIONS + 1), 10**9)
    assert [len(group) for group in groups] == [MAX_OPERATIONS, 1]


@pytest.mark.parametrize(
    ("registered", "scale", "shifts", "room"),
    [(0, 1000, 4, 1000), (999, 1000, 4, 1), (1000, 1000, 4, 1000), (5, 1000, 0, None), (5, 0, 4, None)],
)
def test_room_before_the_fee_step_is_computed(registered: int, scale: int, shifts: int, room: int | None) -> None:
    assert before_fee_step(registered, scale, shifts) == room


def test_batch_is_limited_by_the_balance() -> None:
    assert len(affordable(GROUP, 35)) == 3
    assert len(affordable(GROUP, 9)) == 0


def test_taken_name_is_isolated() -> None:
    plan = handle_refusal(GROUP, refusal("account exists (in a block) via broadcast_transaction", "b-2"))
    assert plan.rejected == {}
    assert plan.again == ((GROUP[0], GROUP[2], GROUP[3]),)


def test_jobs_before_the_fee_step_are_sent() -> None:
    plan = handle_refusal(GROUP, refusal("premium name with basic fee", "c-3"))
    assert plan.again == (GROUP[:2],)
    assert not plan.counted


def test_fee_too_low_for_an_unnamed_operation_waits_for_the_next_drain() -> None:
    assert handle_refusal(GROUP, refusal("fee too low (0)")).again == ()


@pytest.mark.parametrize("case", ["bad name 'Bad-Name1'", "bad public key", "unknown registrar id"])
def test_unattributed_refusal_bisects_the_batch(case: str) -> None:
    assert handle_refusal(GROUP, refusal(case)).again == (GROUP[:2], GROUP[2:])


@pytest.mark.parametrize(
    ("case", "code"), [("bad name 'Bad-Name1'", Code.INVALID_NAME), ("bad public key", Code.INVALID_KEY)]
)
def test_impossible_single_signup_fails(case: str, code: Code) -> None:
    assert handle_refusal(GROUP[:1], refusal(case)).rejected[0][0] is code


def test_unclear_refusal_is_retried_a_bounded_number_of_times() -> None:
    assert handle_refusal(GROUP[:1], refusal("unknown op number")).counted
    last = (candidate(7, "a-1", attempts=MAX_TRIES - 1),)
    assert handle_refusal(last, refusal("unknown op number")).rejected[7][0] is Code.CHAIN_REFUSED


@pytest.mark.parametrize(
    "case", ["insufficient balance for fee", "non-lifetime registrar", "wrong key", "irrelevant extra signature"]
)
def test_registrar_problem_blames_no_signup(case: str) -> None:
    plan = handle_refusal(GROUP, refusal(case))
    assert plan.obstacle
    assert (plan.rejected, plan.again, plan.counted) == ({}, (), False)


@pytest.mark.parametrize("case", ["expired", "expiration too far", "tapos wrong prefix"])
def test_expired_transaction_is_signed_again(case: str) -> None:
    plan = handle_refusal(GROUP, refusal(case))
    assert (plan.rejected, plan.again, plan.counted, plan.obstacle) == ({}, (), False, None)


def test_duplicate_transaction_is_not_a_refusal() -> None:
    assert handle_refusal(GROUP, refusal("duplicate while pending")).known
