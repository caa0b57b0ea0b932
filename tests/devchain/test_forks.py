"""Forks: what becomes of the transactions of orphaned blocks."""

import random

from devchain.blocks import Chain
from devchain.errors import NodeError
from tests.harness.dev_chain import account_names, new_chain, payment, register, registration, signed, snapshot


def test_orphaned_transactions_are_pending_again_in_order() -> None:
    chain = new_chain()
    waiting = signed(chain, registration(chain, "bob-1"))
    register(chain, "alice-1")
    chain.produce()
    chain.push(waiting)
    chain.orphan(1)
    assert (account_names(chain), len(chain.pending), chain.head_number) == (["alice-1", "bob-1"], 2, 1)


def test_orphaned_transactions_may_come_back_with_other_ids() -> None:
    chain = new_chain(blocks=2)
    first = register(chain, "alice-1")
    second = register(chain, "bob-1")
    chain.produce()
    chain.orphan(1, reverse=True)
    results = [entry.results for entry in chain.produce().transactions]
    assert results == [[[1, first[0]]], [[1, second[0]]]]
    assert account_names(chain) == ["bob-1", "alice-1"]


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
    assert (chain.pending, account_names(chain)) == ([], [])


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
