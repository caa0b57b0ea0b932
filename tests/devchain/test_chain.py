"""The chain itself: what is pending, blocks, forks, fees, authorities."""

import random
from typing import Any

import pytest

from chain.keys import format_public_key
from chain.transactions import RefBlock, operation_size
from devchain.blocks import Chain
from devchain.errors import NodeError
from devchain.settings import published_key
from tests.harness.dev_chain import (
    PLAIN,
    REFERRER,
    REGISTRAR,
    SETTINGS,
    SOMEBODY,
    assert_serialised,
    new_chain,
    new_dev_chain,
    payment,
    refusal,
    register,
    registration,
    signed,
    snapshot,
    text_of,
)

SOMEBODY_KEY = published_key("somebody")
BASIC_FEE = 500_000
FEE = BASIC_FEE + 153 * 100_000 // 1024  #: of a name of 14 characters


def names(chain: Chain) -> list[str]:
    """Of accounts made after genesis, by id."""
    made = [account for account_id, account in chain.state.accounts.items() if int(account_id[4:]) > 9]
    return [account["name"] for account in sorted(made, key=lambda account: int(account["id"][4:]))]


# What is pending, and blocks


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
    assert names(chain) == []


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
    assert names(chain) == [f"account-{i}" for i in range(5)]


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


# Expiration and reference


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
    assert (chain.pending, names(chain)) == ([], [])


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
    assert names(chain) == ["alice-1"]


# Forks


def test_orphaned_transactions_are_pending_again_in_order() -> None:
    chain = new_chain()
    waiting = signed(chain, registration(chain, "bob-1"))
    register(chain, "alice-1")
    chain.produce()
    chain.push(waiting)
    chain.orphan(1)
    assert (names(chain), len(chain.pending), chain.head_number) == (["alice-1", "bob-1"], 2, 1)


def test_orphaned_transactions_may_come_back_with_other_ids() -> None:
    chain = new_chain(blocks=2)
    first = register(chain, "alice-1")
    second = register(chain, "bob-1")
    chain.produce()
    chain.orphan(1, reverse=True)
    results = [entry.results for entry in chain.produce().transactions]
    assert results == [[[1, first[0]]], [[1, second[0]]]]
    assert names(chain) == ["bob-1", "alice-1"]


def test_orphaned_transactions_may_be_dropped() -> None:
    chain = new_chain()
    before = snapshot(chain)
    register(chain, "alice-1")
    chain.produce()
    chain.orphan(1, keep=False)
    assert snapshot(chain) == before


def test_transaction_is_dropped_with_its_ref_block() -> None:
    chain = new_chain(blocks=3)
    register(chain, "alice-1")
    chain.orphan(1)
    assert (chain.pending, names(chain)) == ([], [])


def test_replacement_of_an_orphaned_block_has_another_id() -> None:
    chain = new_chain(blocks=3)
    lost = chain.head_id
    chain.orphan(1)
    assert chain.produce().id != lost


def test_random_walk_equals_replay_of_its_blocks() -> None:
    """After any pushes, refusals, blocks, forks and overrides, undoing all blocks restores the genesis."""
    chance = random.Random(4)  # noqa: S311  # a test's dice
    chain = new_chain(blocks=0, accounts_per_fee_scale=7, account_fee_scale_bitshifts=1, maintenance_interval=40)
    beginning = snapshot(chain)
    chain.produce()
    for step in range(400):
        match chance.randrange(6):
            case 0 | 1:
                push_some(chain, chance, step)
            case 2 | 3:
                chain.produce()
            case 4:
                chain.orphan(chance.randrange(4), keep=chance.random() < 0.7, reverse=chance.random() < 0.5)
            case 5:
                chain.validate(signed(chain, payment(chain, 1)))
        assert_sound(chain)
    chain.orphan(chain.head_number, keep=False)
    assert snapshot(chain) == beginning


def push_some(chain: Chain, chance: random.Random, step: int) -> None:
    operations = [registration(chain, f"name-{chance.randrange(60)}") for _ in range(chance.randrange(1, 4))]
    operations.append(payment(chain, chance.randrange(1, 10)))
    try:
        chain.push(signed(chain, *operations, expires=chance.randrange(1, 20) + step % 2))
    except NodeError:
        return


def assert_sound(chain: Chain) -> None:
    """Names, ids and accounts agree; nothing was made of nothing."""
    assert chain.state.ids == {account["name"]: account["id"] for account in chain.state.accounts.values()}
    assert chain.state.numbers["next_account"] == len(chain.state.accounts)
    assert min(chain.state.balances.values()) >= 0
    listed = chain.state.names_from("", 1000)
    assert listed == sorted([name, account_id] for name, account_id in chain.state.ids.items())


# Fees


def test_fee_is_the_basic_fee_plus_the_size() -> None:
    chain = new_chain()
    operation = registration(chain, "account-000001")
    size = operation_size(operation, SETTINGS.prefix) - 1
    assert operation[1]["fee"]["amount"] == FEE == BASIC_FEE + size * 100_000 // 1024


def test_fee_of_a_premium_name() -> None:
    chain = new_chain()
    assert registration(chain, "bananapie")[1]["fee"]["amount"] > 200_000_000


def test_offered_fee_is_paid_in_full() -> None:
    chain = new_chain()
    before = chain.state.balances[REGISTRAR]
    chain.push(signed(chain, registration(chain, "alice-1", fee=700_000), payment(chain, 300)))
    assert chain.state.balances[REGISTRAR] == before - 700_000 - 2_000_000 - 300
    assert chain.state.balances[PLAIN] == 300


def test_fee_steps_up_with_the_number_of_registrations() -> None:
    chain = new_chain(accounts_per_fee_scale=3, account_fee_scale_bitshifts=4)
    register(chain, "alice-1", "alice-2", "alice-3")
    assert chain.state.numbers["basic_fee"] == BASIC_FEE * 16
    cheap = signed(chain, registration(chain, "alice-4", fee=BASIC_FEE * 2))
    error = refusal(chain, cheap)
    assert error["data"]["code"] == 3030007
    assert error["data"]["stack"][0]["data"]["required"] > BASIC_FEE * 16


def test_operations_after_the_fee_step_cost_more() -> None:
    chain = new_chain(accounts_per_fee_scale=3, account_fee_scale_bitshifts=4)
    operations = [registration(chain, f"alice-{i}") for i in range(4)]
    error = refusal(chain, signed(chain, *operations))
    assert error["data"]["stack"][0]["data"]["core_fee_paid"] < BASIC_FEE * 2
    rejected = next(frame for frame in error["data"]["stack"] if frame["context"]["method"] == "apply_operation")
    assert rejected["data"]["op"][1]["name"] == "alice-3"


def test_maintenance_resets_the_fee() -> None:
    chain = new_chain(accounts_per_fee_scale=2, account_fee_scale_bitshifts=4, maintenance_interval=5)
    register(chain, "alice-1", "alice-2")
    while chain.produce().time % 5:
        pass
    assert (chain.state.numbers["registered"], chain.state.numbers["basic_fee"]) == (0, BASIC_FEE)


# Authorities


def account_with(chain: Chain, name: str, **changes: Any) -> str:
    """The id of a new account, which has something to pay with."""
    entry = chain.push(signed(chain, registration(chain, name, **changes)))
    account_id: str = entry.results[0][1]
    chain.push(signed(chain, payment(chain, 10**7, receiver=account_id), expires=50 + int(account_id[4:])))
    return account_id


def test_owner_key_may_sign_in_place_of_the_active_one() -> None:
    chain = new_chain()
    other = format_public_key(published_key("other").public, SETTINGS.prefix)
    account = account_with(chain, "alice-1", active_key=other)
    chain.push(signed(chain, payment(chain, 5, sender=account), key=SOMEBODY_KEY))


def test_account_may_sign_for_another_at_two_levels() -> None:
    """Two accounts deep, as the chain's parameters say; the third is too far."""
    chain = new_chain()
    key = {"owner_key": SETTINGS.genesis["registrar_key"], "active_key": SETTINGS.genesis["registrar_key"]}
    first = account_with(chain, "ward-1")
    second = account_with(chain, "ward-2", **key, extra_active_accounts=[first])
    third = account_with(chain, "ward-3", **key, extra_active_accounts=[second])
    fourth = account_with(chain, "ward-4", **key, extra_active_accounts=[third])
    for sender in (first, second, third):
        chain.push(signed(chain, payment(chain, 5, sender=sender), key=SOMEBODY_KEY))
    error = refusal(chain, signed(chain, payment(chain, 5, sender=fourth), key=SOMEBODY_KEY))
    assert error["data"]["code"] == 3030001


def test_every_payer_of_a_transaction_must_sign() -> None:
    chain = new_chain()
    both = [payment(chain, 5), payment(chain, 5, sender=REFERRER)]
    one = signed(chain, *both)
    assert refusal(chain, one)["data"]["code"] == 3030001
    other = signed(chain, *both, key=published_key("referrer"))
    chain.push({**one, "signatures": one["signatures"] + other["signatures"]})


def test_registered_account_has_its_keys_registrar_and_referrer() -> None:
    chain = new_chain()
    memo = format_public_key(published_key("memo").public, SETTINGS.prefix)
    chain.push(signed(chain, registration(chain, "alice-1", referrer=REFERRER, memo_key=memo, referrer_percent=5000)))
    account = chain.state.by_name("alice-1") or {}
    assert account["active"]["key_auths"] == account["owner"]["key_auths"] == [[SOMEBODY, 1]]
    assert account["options"]["memo_key"] == memo
    people = [account[role] for role in ("registrar", "referrer", "lifetime_referrer")]
    assert people == [REGISTRAR, REFERRER, REFERRER]
    assert account["referrer_rewards_percentage"] == 5000


def test_key_listed_twice_counts_once() -> None:
    """A node keeps keys as a map, so that what was signed with both is another transaction to it."""
    chain = new_chain()
    operation = registration(chain, "alice-1")
    operation[1]["active"]["key_auths"] *= 2
    assert refusal(chain, signed(chain, operation))["data"]["code"] == 3030001


# Interventions


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


def test_changed_key_signs_alone() -> None:
    dev_chain = new_dev_chain()
    chain = dev_chain.chain
    dev_chain.control.set_key("faucet", SOMEBODY)
    assert refusal(chain, signed(chain, registration(chain, "alice-1")))["data"]["code"] == 3030001
    chain.push(signed(chain, registration(chain, "alice-1"), key=SOMEBODY_KEY))


def test_signature_of_unsorted_account_auths_is_refused() -> None:
    """A node sorts them by number, so the signature is of other bytes; in its own order it takes them."""
    chain = new_chain()
    operation = registration(chain, "alice-1", extra_active_accounts=["1.2.8", "1.2.7"])
    assert chain.push(signed(chain, operation)).results
    swapped = registration(chain, "alice-2", extra_active_accounts=["1.2.8", "1.2.7"])
    swapped[1]["active"]["account_auths"].reverse()
    assert refusal(chain, signed(chain, swapped))["data"]["code"] == 3030001
