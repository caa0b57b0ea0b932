"""The chain itself: what is pending, blocks, expiration, overrides."""

import asyncio

import pytest

from chain.transactions import RefBlock
from tests.harness.dev_chain import (
    PLAIN,
    REFERRER,
    SOMEBODY,
    account_names,
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

MANY = 120  #: operations, some 14 ms of reading: far more than the slices that the test waits for


# What is pending, and blocks


async def test_event_loop_goes_on_while_a_transaction_is_read() -> None:
    chain = new_chain()
    transaction = signed(chain, *(registration(chain, f"many-{number}") for number in range(MANY)))
    pushing = asyncio.create_task(chain.push_in_slices(transaction))
    for _ in range(3):
        await asyncio.sleep(0)
        assert not pushing.done()
    block = chain.produce()
    assert not block.transactions
    await pushing
    assert [len(entry.results) for entry in chain.produce().transactions] == [MANY]


def test_pending_transaction_is_visible_and_in_the_next_block() -> None:
    chain = new_chain()
    ids = register(chain, "alice-1", "bob-1")
    assert chain.state.by_name("alice-1") is chain.state.accounts[ids[0]]
    block = chain.produce()
    assert [entry.results for entry in block.transactions] == [[[1, ids[0]], [1, ids[1]]]]
    assert chain.pending == []


def test_transaction_is_all_or_nothing() -> None:
    chain = new_chain()
    transaction = signed(chain, registration(chain, "alice-1"), registration(chain, "alice-1"))
    error = refusal(chain, transaction)
    rejected = [frame for frame in error["data"]["stack"] if frame["context"]["method"] == "apply_operation"]
    assert rejected[0]["data"]["op"][1]["name"] == "alice-1"
    assert account_names(chain) == []


def test_operations_of_one_transaction_see_each_other() -> None:
    """An account may be paid, and paid from nothing else, in the transaction that registers it."""
    chain = new_chain()
    chain.push(signed(chain, registration(chain, "alice-1"), payment(chain, 5, receiver="1.2.10")))
    assert chain.state.balances["1.2.10"] == 5


def test_block_ids_begin_with_the_number_and_blocks_are_linked() -> None:
    chain = new_chain(blocks=3)
    assert [int(block.id[:8], 16) for block in chain.blocks] == [1, 2, 3]
    assert [block.previous for block in chain.blocks[1:]] == [block.id for block in chain.blocks[:2]]
    assert len({block.id for block in chain.blocks}) == 3


def test_last_irreversible_block_trails_the_head() -> None:
    chain = new_chain(blocks=20)
    assert chain.irreversible == 12
    chain.orphan(5)
    assert chain.irreversible == 12
    chain.orphan(5)
    assert chain.irreversible == 10


def test_transaction_too_large_for_a_block_stays_pending() -> None:
    chain = new_chain(maximum_block_size=400)
    register(chain, *(f"account-{i}" for i in range(5)))
    register(chain, "small-1")
    assert [len(entry.results) for entry in chain.produce().transactions] == [1]
    assert [len(entry.results) for entry in chain.pending] == [5]
    assert len(chain.produce().transactions) == 0


def test_full_block_leaves_the_rest_for_the_next() -> None:
    chain = new_chain(maximum_block_size=500)
    for i in range(5):
        register(chain, f"account-{i}")
    assert [len(chain.produce().transactions) for _ in range(4)] == [2, 2, 1, 0]
    assert account_names(chain) == [f"account-{i}" for i in range(5)]


@pytest.mark.parametrize(("enforced", "accepted"), [(True, False), (False, True)])
def test_transaction_size_limit_can_be_switched_off(enforced: bool, accepted: bool) -> None:
    chain = new_chain(maximum_transaction_size=2048, enforce_transaction_size=enforced)
    register(chain, *(f"account-{i:06}" for i in range(12)))
    transaction = signed(chain, *(registration(chain, f"another-{i:06}") for i in range(13)))
    if accepted:
        chain.push(transaction)
    else:
        assert "maximum_transaction_size" in text_of(refusal(chain, transaction))


def test_size_and_id_are_those_of_the_serialised_transaction() -> None:
    chain = new_chain()
    transaction = signed(chain, *(registration(chain, f"account-{i:06}") for i in range(12)))
    assert_serialised(chain, transaction)


# Expiration and the reference block


def test_transaction_is_included_when_the_head_time_equals_its_expiration() -> None:
    chain = new_chain()
    transaction = signed(chain, registration(chain, "alice-1"), expires=1)
    chain.produce()
    chain.push(transaction)
    assert len(chain.produce().transactions) == 1


def test_transaction_expires_while_it_waits() -> None:
    chain = new_chain(maximum_block_size=100)
    chain.push(signed(chain, registration(chain, "alice-1"), expires=1))
    chain.produce()
    chain.produce()
    assert (chain.pending, account_names(chain)) == ([], [])


def test_known_transaction_is_accepted_again_once_its_block_is_orphaned() -> None:
    chain = new_chain()
    transaction = signed(chain, registration(chain, "alice-1"))
    chain.push(transaction)
    chain.produce()
    assert "trx_idx" in text_of(refusal(chain, transaction))
    chain.orphan(1, keep=False)
    chain.push(transaction)


def test_ref_blocks_are_checked_across_the_16_bit_window() -> None:
    chain = new_chain(blocks=3)
    reference = RefBlock(2, chain.blocks[1].id)
    chain.push(signed(chain, registration(chain, "alice-1"), ref_block=reference))
    for _ in range(0xFFFF - 1):
        chain.produce()
    chain.push(signed(chain, registration(chain, "alice-2"), ref_block=reference))
    chain.produce()
    late = signed(chain, registration(chain, "alice-3"), ref_block=reference)
    assert "ref_block_prefix" in text_of(refusal(chain, late))


def test_first_transaction_refers_to_block_zero() -> None:
    """A node takes any reference there; but a fork that goes back so far must void what referred to its blocks."""
    chain = new_chain(blocks=0)
    register(chain, "alice-1")
    chain.produce()
    lost = signed(chain, registration(chain, "alice-2"))
    chain.orphan(1)
    assert "ref_block_prefix" in text_of(refusal(chain, lost))
    assert account_names(chain) == ["alice-1"]


# Overrides


def test_pending_transactions_survive_an_override() -> None:
    dev_chain = new_dev_chain()
    register(dev_chain.chain, "alice-1")
    dev_chain.control.set_balance("plain-account1", 77)
    dev_chain.control.set_basic_fee(300_000)
    assert [len(entry.results) for entry in dev_chain.produce().transactions] == [1]
    assert dev_chain.chain.state.balances[PLAIN] == 77


def test_override_may_make_pending_transactions_fail() -> None:
    dev_chain = new_dev_chain()
    register(dev_chain.chain, "alice-1")
    dev_chain.control.set_member("faucet", member=False)
    assert dev_chain.produce().transactions == ()


def test_control_registers_by_a_transaction() -> None:
    dev_chain = new_dev_chain()
    account_id = dev_chain.control.register("stranger-1", SOMEBODY)
    assert dev_chain.produce().transactions[0].results == [[1, account_id]]
    assert dev_chain.chain.state.accounts[account_id]["registrar"] == REFERRER
