"""Fees, against what a real node required and charged."""

from typing import Any

import pytest

from chain.fees import AccountCreateFee, AssertFee, TransferFee
from chain.packing import Operation
from chain.transactions import operation_size
from tests.harness.support import data

SAMPLES: dict[str, Any] = data("node-samples.json")
ERRORS: dict[str, Any] = data("node-errors.json")
#: The fees in force on the samples' chain.
ACCOUNT_CREATE_FEE = AccountCreateFee(basic_fee=500_000, premium_fee=200_000_000, price_per_kbyte=100_000, scale=10_000)
TRANSFER = TransferFee(fee=2_000_000, price_per_kbyte=1_000_000, scale=10_000)


def frames(case: str) -> list[dict[str, Any]]:
    stack: list[dict[str, Any]] = ERRORS[case]["error"]["data"]["stack"]
    return stack


def rejected(case: str) -> Operation:
    return next(frame["data"]["op"] for frame in frames(case) if frame["method"] == "apply_operation")


def required(operation: Operation) -> int:
    """Only the body is charged by size, not the byte of the operation's number."""
    return ACCOUNT_CREATE_FEE.required(operation[1]["name"], operation_size(operation, "PPY") - 1)


def test_fee_equals_the_nodes_required_fee() -> None:
    sample = SAMPLES["get_required_fees"]
    operations = sample["request"]["params"][2][0]
    fees = [fee["amount"] for fee in sample["reply"]["result"]]
    assert [required(operation) for operation in operations] == fees == [515_039, 515_039]


@pytest.mark.parametrize(
    "case",
    ["account exists (in a block) via broadcast_transaction", "insufficient balance for fee", "non-lifetime registrar"],
)
def test_fee_was_accepted_by_a_real_node(case: str) -> None:
    """These paid exactly the required fee, and were refused for another reason."""
    operation = rejected(case)
    assert required(operation) == operation[1]["fee"]["amount"] == 514_941


def test_premium_name_costs_the_premium_fee() -> None:
    case = "premium name with basic fee"
    assert required(rejected(case)) == frames(case)[0]["data"]["required"] == 200_015_039


def test_transfer_without_memo_has_no_size_fee() -> None:
    assert TRANSFER.required() == rejected("transfer more than balance")[1]["fee"]["amount"] == 2_000_000


def test_memo_is_paid_by_its_size() -> None:
    assert TRANSFER.required(memo_size=512) == 2_500_000


def test_scale_counts_ten_thousandths_of_the_whole() -> None:
    assert AccountCreateFee(1000, 9000, 1024, scale=5_000).required("a1", 100) == 550
    assert AccountCreateFee(1000, 9000, 1024, scale=5_000).required("alice", 100) == 4_550
    assert TransferFee(1000, 1024, scale=20_000).required(100) == 2_200


def test_assertion_costs_its_fee_for_each_predicate() -> None:
    assert AssertFee(100_000).required() == 100_000
    assert AssertFee(100_000).required(3) == 300_000
    assert AssertFee(3, scale=5_000).required(3) == 4


def test_fractions_of_a_satoshi_are_dropped() -> None:
    assert AccountCreateFee(0, 0, 1).required("a1", 1023) == 0
    assert AccountCreateFee(3, 0, 0, scale=5_000).required("a1", 0) == 1
