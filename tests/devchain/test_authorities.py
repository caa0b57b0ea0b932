"""Who must sign a transaction."""

from typing import Any

from chain.keys import format_public_key
from devchain.blocks import Chain
from devchain.settings import published_key
from tests.harness.dev_chain import (
    REFERRER,
    REGISTRAR,
    SETTINGS,
    SOMEBODY,
    SOMEBODY_KEY,
    new_chain,
    new_dev_chain,
    payment,
    refusal,
    registration,
    signed,
)


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
