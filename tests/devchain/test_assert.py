"""The operation that fails its whole transaction unless an account has the name that it says."""

from typing import Any

import pytest

from chain.packing import Operation, pack_operation
from chain.refusals import read_refusal
from chain.transactions import digest_of, pack
from devchain.blocks import Chain
from devchain.errors import NodeError
from devchain.operations import read_operation
from devchain.settings import published_key
from tests.harness.assertions import (
    FEE,
    FORBIDDEN,
    PLAIN_NAME,
    UNKNOWN,
    UNTRUE,
    asserting,
    assertion,
    balance,
    frame_methods,
    named,
)
from tests.harness.dev_chain import (
    PLAIN,
    REFERRER,
    SETTINGS,
    assert_serialised,
    new_chain,
    new_dev_chain,
    payment,
    refusal,
    register,
    registration,
    signed,
    text_of,
)

# True and false


def test_true_assertion_is_included_without_a_result() -> None:
    chain = new_chain()
    before = balance(chain)
    chain.push(signed(chain, assertion(chain)))
    (entry,) = chain.produce().transactions
    assert entry.results == [[0, {}]]
    assert balance(chain) == before - FEE


def test_payment_after_a_true_assertion_arrives() -> None:
    chain = new_chain()
    before = balance(chain)
    chain.push(signed(chain, assertion(chain), payment(chain, 5)))
    assert chain.produce().transactions[0].results == [[0, {}], [0, {}]]
    assert balance(chain, PLAIN) == 5
    assert balance(chain) == before - FEE - 2_000_000 - 5


@pytest.mark.parametrize("payment_first", [False, True])
def test_false_assertion_refuses_the_whole_transaction(payment_first: bool) -> None:
    chain = new_chain()
    operations = [assertion(chain, name="alice-1"), payment(chain, 5)]
    error = refusal(chain, signed(chain, *(reversed(operations) if payment_first else operations)))
    assert (error["data"]["code"], text_of(error)) == (10, UNTRUE)
    assert PLAIN not in chain.state.balances


def test_refusal_names_the_assertion() -> None:
    chain = new_chain()
    false = assertion(chain, REFERRER, "alice-1")
    error = refusal(chain, signed(chain, assertion(chain), false, payment(chain, 5)))
    assert read_refusal(error).operation == false
    assert frame_methods(error) == [
        "operator()", "do_evaluate", "start_evaluate", "apply_operation", "_apply_transaction", "push_transaction",
    ]  # fmt: skip


def test_assertion_about_an_unknown_account_is_refused() -> None:
    chain = new_chain()
    unknown = assertion(chain, "1.2.999")
    error = refusal(chain, signed(chain, unknown, payment(chain, 5)))
    assert (error["data"]["code"], text_of(error)) == (10, UNKNOWN)
    assert error["data"]["stack"][0]["data"] == {"id": "1.2.999"}
    assert read_refusal(error).operation == unknown


def test_account_of_the_same_transaction_cannot_be_asserted() -> None:
    """Nobody knows its id before it has one; a wrong id fails the registration as well."""
    chain = new_chain()
    for operations in (
        [assertion(chain, "1.2.10", "alice-1"), registration(chain, "alice-1")],
        [registration(chain, "alice-1"), assertion(chain, "1.2.11", "alice-1")],
    ):
        assert text_of(refusal(chain, signed(chain, *operations))) == UNKNOWN
    assert chain.state.by_name("alice-1") is None


def test_assertion_fails_when_a_fork_gives_the_id_to_somebody_else() -> None:
    """What the operation is for: the payment waits behind it and is dropped with it."""
    chain = new_chain(blocks=2)
    alice, bob = (register(chain, name)[0] for name in ("alice-1", "bob-1"))
    chain.push(signed(chain, assertion(chain, alice, "alice-1"), payment(chain, 5, receiver=alice)))
    chain.produce()
    assert balance(chain, alice) == 5
    before = balance(chain)
    chain.orphan(1, reverse=True)
    chain.produce()
    assert chain.state.accounts[alice]["name"] == "bob-1"
    assert chain.state.accounts[bob]["name"] == "alice-1"
    assert alice not in chain.state.balances
    assert balance(chain) == before + FEE + 2_000_000 + 5


# Several predicates, and other ones


def test_every_predicate_must_be_true() -> None:
    chain = new_chain()
    true = [named(PLAIN, PLAIN_NAME), named(REFERRER, "referrer")]
    before = balance(chain)
    chain.push(signed(chain, asserting(chain, *true)))
    assert balance(chain) == before - 2 * FEE
    error = refusal(chain, signed(chain, asserting(chain, *true, named(REFERRER, PLAIN_NAME))))
    assert text_of(error) == UNTRUE


SYMBOL = [1, {"asset_id": "1.3.0", "symbol": "PPY"}]
BLOCK = [2, {"id": "00" * 20}]


@pytest.mark.parametrize("predicate", [SYMBOL, BLOCK])
def test_forbidden_predicate_is_refused(predicate: list[Any]) -> None:
    chain = new_chain()
    error = refusal(chain, signed_by_the_chain(chain, asserting(chain, named(PLAIN, PLAIN_NAME), predicate)))
    assert (error["data"]["code"], text_of(error)) == (10, FORBIDDEN)
    operation = read_refusal(error).operation
    assert operation is not None
    assert operation[1]["predicates"] == [named(PLAIN, PLAIN_NAME), predicate]


def signed_by_the_chain(chain: Chain, operation: Operation) -> dict[str, Any]:
    """A transaction that the faucet can't pack, signed over the chain's own bytes."""
    body = signed(chain)
    body["operations"] = [read_operation(operation, SETTINGS.prefix)[0].as_json]
    head, tail = pack({**body, "operations": []}, SETTINGS.prefix)[:10], b"\0"
    packed = head + b"\1" + read_operation(operation, SETTINGS.prefix)[1] + tail
    signature = published_key("registrar").sign(digest_of(packed, chain.chain_id)).hex()
    return {**body, "signatures": [signature]}


@pytest.mark.parametrize(
    ("predicate", "text"),
    [
        (SYMBOL, None),
        ([1, {"asset_id": "1.3.0", "symbol": "BTS"}], "p.asset_id(db).symbol == p.symbol: "),
        ([1, {"asset_id": "1.3.7", "symbol": "PPY"}], UNKNOWN),
        (BLOCK, FORBIDDEN),
    ],
)
def test_asset_symbols_can_be_asserted_where_parameters_allow(predicate: list[Any], text: str | None) -> None:
    chain = new_chain(max_predicate_opcode=2)
    transaction = signed_by_the_chain(chain, asserting(chain, predicate))
    if text is None:
        chain.push(transaction)
    else:
        assert text_of(refusal(chain, transaction)) == text


def test_chain_may_forbid_the_account_name_too() -> None:
    chain = new_chain(max_predicate_opcode=0)
    assert text_of(refusal(chain, signed(chain, assertion(chain)))) == FORBIDDEN


@pytest.mark.parametrize(
    "predicate",
    [
        [3, {}],
        [-1, {}],
        [0, {"account_id": PLAIN}],
        [0, {"account_id": "1.3.0", "name": "a-1"}],
        [0, {"account_id": PLAIN, "name": 5}],
        [2, {"id": "00"}],
        [0],
        "alice-1",
    ],
)
def test_malformed_predicate_is_refused(predicate: Any) -> None:
    chain = new_chain()
    number, body = assertion(chain)
    with pytest.raises(NodeError):
        read_operation([number, {**body, "predicates": [predicate]}], SETTINGS.prefix)
    assert not chain.pending


def test_faucet_and_dev_chain_pack_the_same_bytes() -> None:
    chain = new_chain()
    operation = asserting(chain, named("1.2.300", "alice-1"), named("1.2.16", "\x01\b\t é"), fee=2**40)
    assert read_operation(operation, "PPY")[1] == pack_operation(operation, "PPY")


def test_size_and_id_of_an_assertion_are_those_of_its_bytes() -> None:
    chain = new_chain()
    transaction = signed(chain, assertion(chain), payment(chain, 5))
    assert_serialised(chain, transaction)


def test_required_auths_are_sorted_and_need_no_signature() -> None:
    """The chain source asks none but the payer (operation_get_required_auth)."""
    chain = new_chain()
    number, body = assertion(chain)
    operation = [number, {**body, "required_auths": ["1.2.9", "1.2.10", "1.2.9"]}]
    entry = chain.push(signed_by_the_chain(chain, operation))
    assert entry.transaction.operations[0].as_json[1]["required_auths"] == ["1.2.9", "1.2.10"]


# Fee and payer


def test_fee_is_due_for_each_predicate() -> None:
    chain = new_chain(assert_fee=700, fee_scale=5_000)
    two = [named(PLAIN, PLAIN_NAME), named(REFERRER, "referrer")]
    assert asserting(chain, *two)[1]["fee"]["amount"] == 700
    error = refusal(chain, signed(chain, asserting(chain, *two, fee=699)))
    assert error["data"]["code"] == 3030007
    assert error["data"]["stack"][0]["data"] == {"core_fee_paid": 699, "required": 700}


def test_negative_fee_is_refused() -> None:
    chain = new_chain()
    error = refusal(chain, signed(chain, assertion(chain, fee=-1)))
    assert text_of(error) == "fee.amount >= 0: "


@pytest.mark.parametrize("has", [FEE - 1, FEE])
def test_payer_must_have_the_fee(has: int) -> None:
    dev_chain = new_dev_chain()
    chain = dev_chain.chain
    dev_chain.control.set_balance("faucet", has)
    transaction = signed(chain, assertion(chain))
    if has < FEE:
        assert "Insufficient Balance" in text_of(refusal(chain, transaction))
    else:
        chain.push(transaction)
        assert balance(chain) == 0


def test_payer_must_sign() -> None:
    chain = new_chain()
    by_referrer = assertion(chain, payer=REFERRER)
    assert refusal(chain, signed(chain, by_referrer))["data"]["code"] == 3030001
    before = balance(chain, REFERRER)
    chain.push(signed(chain, by_referrer, key=published_key("referrer")))
    assert balance(chain, REFERRER) == before - FEE


def test_unknown_payer_is_refused() -> None:
    chain = new_chain()
    assert text_of(refusal(chain, signed(chain, assertion(chain, payer="1.2.999")))) == UNKNOWN
