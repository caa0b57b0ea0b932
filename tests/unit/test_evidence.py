"""Whether a signup or the node is to blame for a refusal."""

from typing import Any

import pytest

from jobs.drain.batch import MAX_TRIES, RefusalPlan, handle_refusal
from jobs.drain.evidence import MAX_REFUSALS, Evidence
from jobs.errors import Code
from tests.unit.test_batch import candidate, refusal

BAD = "bad-1"


class Counts:
    """The sender's counts on the connection in use."""

    def __init__(self) -> None:
        self.epoch = 1
        self.accepted = 0
        self.refused_in_a_row = 0


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def evidence(counts: Counts) -> Evidence:
    return Evidence(counts)  # type: ignore[arg-type]  # all that is asked of a sender


def refuse(evidence: Evidence, counts: Counts, case: str, *, own: bool = False, named: bool = True) -> RefusalPlan:
    """The decision after a node refused a signup that was tried often enough."""
    group = (candidate(1, BAD, attempts=MAX_TRIES),)
    refused: Any = refusal(case, BAD if named else None)
    counts.refused_in_a_row += 1
    return evidence.proven(group, refused, handle_refusal(group, refused), own=own)


def test_refusal_of_one_untrusted_node_fails_no_signup(evidence: Evidence, counts: Counts) -> None:
    for _ in range(20):
        assert refuse(evidence, counts, "bad name 'Bad-Name1'") == RefusalPlan()
    counts.accepted += 1
    assert refuse(evidence, counts, "bad name 'Bad-Name1'").rejected[1][0] is Code.INVALID_NAME


def test_acceptance_before_the_first_refusal_proves_nothing(evidence: Evidence, counts: Counts) -> None:
    """A node that once worked may have begun to refuse everything."""
    counts.accepted = 100
    assert refuse(evidence, counts, "unknown op number") == RefusalPlan(counted=True)
    assert refuse(evidence, counts, "unknown op number") == RefusalPlan(counted=True)
    counts.accepted += 1
    assert refuse(evidence, counts, "unknown op number").rejected[1][0] is Code.CHAIN_REFUSED


def test_own_nodes_attribution_is_believed(evidence: Evidence, counts: Counts) -> None:
    assert refuse(evidence, counts, "bad name 'Bad-Name1'", own=True).rejected[1][0] is Code.INVALID_NAME
    assert refuse(evidence, counts, "bad name 'Bad-Name1'", own=True, named=False) == RefusalPlan()


def test_evidence_is_per_connection(evidence: Evidence, counts: Counts) -> None:
    refuse(evidence, counts, "unknown op number")
    counts.epoch, counts.accepted, counts.refused_in_a_row = 2, 5, 0
    assert refuse(evidence, counts, "unknown op number") == RefusalPlan(counted=True)


def test_node_that_refuses_several_in_a_row_is_reported(evidence: Evidence, counts: Counts) -> None:
    for _ in range(MAX_REFUSALS - 1):
        refuse(evidence, counts, "unknown op number")
        assert evidence.obstacle is None
    refuse(evidence, counts, "unknown op number")
    assert (evidence.obstacle or "").startswith("The node refuses what it is sent: ")
    counts.refused_in_a_row = 0
    assert evidence.obstacle is None


def test_taken_name_without_an_account_is_deferred(evidence: Evidence) -> None:
    group, name_taken = (candidate(1, BAD),), refusal("account exists (in a block) via broadcast_transaction", BAD)
    assert [evidence.hidden_names(group, name_taken) for _ in range(MAX_REFUSALS)] == [[], [], [1]]
    assert evidence.hidden_names(group, refusal("expired", BAD)) == []
