"""The dev chain that behaves like BitShares: its errors as recorded on a real node, its blocks, its names, its keys."""

import re
from pathlib import Path
from typing import Any

import pytest

from chain.keys import format_public_key
from chain.refusals import read_refusal
from chain.transactions import transfer
from devchain import DevChain, DevChainSettings, Flavour, JournalError
from tests.harness import refused
from tests.harness.dev_chain import (
    BITSHARES,
    PLAIN,
    REGISTRAR,
    START,
    frames_of,
    new_dev_chain,
    paying,
    payment,
    register,
    registration,
    serving,
    signed,
)
from tests.harness.refused import Case, Query
from tests.harness.support import data

RECORDED: dict[str, Any] = data("node-errors-bitshares.json")


def with_too_little(dev_chain: DevChain) -> Query:
    dev_chain.control.set_balance("faucet", 10)
    return refused.broadcast(dev_chain, refused.new(dev_chain))


def pays_amount_but_not_fee(dev_chain: DevChain) -> Query:
    bare = transfer(sender=REGISTRAR, receiver=PLAIN, amount=500)
    dev_chain.control.set_balance("faucet", 500)
    return refused.broadcast(dev_chain, paying(dev_chain.chain, bare))


def pays_more_than_it_has(dev_chain: DevChain) -> Query:
    return refused.broadcast(dev_chain, payment(dev_chain.chain, 10**18))


def second_fee_too_low(dev_chain: DevChain) -> Query:
    return refused.broadcast(dev_chain, refused.new(dev_chain), refused.new(dev_chain, "lab-2", fee=5))


def signed_by_a_stranger(dev_chain: DevChain) -> Query:
    return refused.broadcast(dev_chain, refused.new(dev_chain), key=refused.POOR_KEY)


def one_too_low(dev_chain: DevChain) -> Query:
    operation = refused.new(dev_chain)
    return refused.broadcast(dev_chain, refused.new(dev_chain, fee=int(operation[1]["fee"]["amount"]) - 1))


def too_large(dev_chain: DevChain) -> Query:
    dev_chain.control.set_parameters({"maximum_transaction_size": 2048})
    return refused.broadcast(dev_chain, *(refused.new(dev_chain, f"large-{number}") for number in range(20)))


def impossible_authority(dev_chain: DevChain) -> Query:
    operation = refused.new(dev_chain)
    operation[1]["owner"]["weight_threshold"] = 9
    return refused.broadcast(dev_chain, operation)


def other_body(**changes: Any) -> Case:
    return lambda dev_chain: refused.broadcast(dev_chain, refused.new(dev_chain, **changes))


def wrong_checksum(dev_chain: DevChain) -> Query:
    key = format_public_key(refused.POOR_KEY.public, "BTS")
    last = "2" if key.endswith("1") else "1"
    return refused.with_memo_key(key[:-1] + last)(dev_chain)


CASES: dict[str, Case] = {
    "known transaction: pending": refused.known_while_pending,
    "known transaction: in a block": refused.known_in_a_block,
    "name taken: in a block": refused.name_taken,
    "name taken: pending": refused.name_taken_while_pending,
    "name taken: twice in one transaction": lambda chain: refused.broadcast(
        chain, refused.new(chain), refused.new(chain)
    ),
    "name taken: second of three operations": lambda chain: refused.broadcast(
        chain, refused.new(chain), refused.new(chain, refused.TAKEN), refused.new(chain, "lab-2")
    ),
    "bad name: 'xxxxxxxxxxxx'": refused.named("x" * 64),
    "missing member: name": refused.named(""),
    "expired": refused.expired,
    "resent after its own expiration, in a block": refused.resent_when_expired,
    "expiration too far": lambda chain: refused.broadcast(chain, refused.new(chain), expires=86_401),
    "unknown reference: wrong prefix": refused.unknown_reference(1),
    "unknown reference: block to come": refused.unknown_reference(40_000),
    "insufficient balance: registrar never had any": refused.by_poor_registrar,
    "insufficient balance: registrar has too little": with_too_little,
    "insufficient balance: transfer of more than one has": pays_more_than_it_has,
    "insufficient balance: transfer pays the amount, not the fee": pays_amount_but_not_fee,
    "insufficient balance: transfer, never had any": refused.poor_transfer,
    "not lifetime member": refused.by_plain_account,
    "referrer not a member": other_body(referrer=PLAIN),
    "fee too low: by one": one_too_low,
    "fee too low: nothing": refused.other_fee(refused.NEW, 0),
    "fee too low: premium name with the basic fee": refused.other_fee("bananapieeadbad", 600_000),
    "fee too low: second of two operations": second_fee_too_low,
    "missing authority: wrong key": signed_by_a_stranger,
    "missing authority: wrong chain id": lambda chain: refused.broadcast(chain, refused.new(chain), chain_id="ab" * 32),
    "missing authority: no signature": lambda chain: refused.without(chain, signatures=[]),
    "missing member: signatures": lambda chain: refused.without(chain, "signatures"),
    "irrelevant signature": refused.two_signatures,
    "duplicate signature": refused.duplicate_signature,
    "signature of zeros": lambda chain: refused.without(chain, signatures=["00" * 65]),
    "invalid key: wrong checksum": wrong_checksum,
    "invalid key: not base58": refused.with_memo_key("BTS0OIl"),
    "invalid key: other prefix PPY": refused.foreign_prefix,
    "invalid key: empty": refused.with_memo_key(""),
    "unknown operation number": refused.unknown_operation,
    "no operations": lambda chain: refused.without(chain, operations=[]),
    "registrar id that is none": other_body(registrar="1.2.99999999"),
    "referrer id that is none (signed)": other_body(referrer="1.2.99999999"),
    "voting account that is none": other_body(voting_account="1.2.99999999"),
    "account authority that is none": other_body(extra_active_accounts=["1.2.99999999"]),
    "referrer percent over 100": other_body(referrer_percent=10_001),
    "authority that can't be met": impossible_authority,
    "transaction larger than maximum_transaction_size 2048": too_large,
    "unknown API": refused.query("nothing", "get_config"),
    "unknown method": refused.query("database", "no_such_method"),
    "API number that is none": refused.query(99, "get_config"),
    "too few arguments": refused.query("database", "get_objects"),
    "lookup_accounts limit 1001": refused.query("database", "lookup_accounts", "", 1001),
    "get_account_balances of nobody": refused.query("database", "get_account_balances", "1.2.99999999", ["1.3.0"]),
    "get_objects with an id that is none": refused.query("database", "get_objects", ["x"]),
}
REFUSED_NAMES = {
    case: refused.named(case.split("'")[1]) for case in RECORDED if case.startswith("bad name") and case not in CASES
}
ALL = {**CASES, **REFUSED_NAMES}
#: The same refusal as another case, of a transaction that is signed wrongly, too.
THE_SAME = {"referrer id that is none"}


@pytest.mark.parametrize("name", sorted(ALL))
async def test_error_has_the_shape_of_a_real_bitshares_node(name: str) -> None:
    """Codes, names, messages and the whole stack agree."""
    real, error = RECORDED[name]["error"], (await refused.reply_to(ALL[name], BITSHARES))["error"]
    assert (error["code"], error["data"]["code"]) == (real["code"], real["data"]["code"])
    assert (error["data"]["name"], error["data"]["message"]) == (real["data"]["name"], real["data"]["message"])
    assert frames_of(error) == frames_of(real)
    assert wording(error["message"]) == wording(real["message"])
    assert read_refusal(error).cause is read_refusal(real).cause


def wording(text: str) -> list[str]:
    """The words, without names, numbers and amounts, which differ from chain to chain."""
    words = re.sub(r"'[^']*'|\S+'s|from \S+ to \S+$", "", text).replace("0OIl", "").split()
    return [word for word in words if not any(character.isdigit() for character in word)]


def test_every_recorded_refusal_is_covered() -> None:
    refused = {case for case, reply in RECORDED.items() if "error" in reply}
    assert set(ALL) | THE_SAME == refused


async def test_first_frame_names_the_subject() -> None:
    for case, subject in (
        ("name taken: in a block", {"a": refused.TAKEN}),
        ("unknown operation number", {"tag": "200"}),
    ):
        frame = (await refused.reply_to(CASES[case], BITSHARES))["error"]["data"]["stack"][0]
        assert subject.items() <= frame["data"].items()


@pytest.mark.parametrize("name", ["a", "xn--a", "a-1.b-2", "z9", "e6b07fea4-dividend-distribution"])
async def test_names_valid_on_a_real_node_are_accepted(name: str) -> None:
    assert (await refused.reply_to(refused.named(name), BITSHARES))["result"] is None


async def test_blocks_have_no_operation_results() -> None:
    dev_chain = new_dev_chain(BITSHARES)
    (account_id,) = register(dev_chain.chain, "alice-1")
    dev_chain.produce()
    async with serving(dev_chain) as client:
        block = await client.get("database", "get_block", 2)
        (transaction,) = block["transactions"]
        assert (len(transaction["operations"]), transaction["operation_results"]) == (1, [])
        assert (await client.get("database", "get_transaction", 2, 0))["operation_results"] == []
        (account,) = await client.get("database", "lookup_account_names", ["alice-1"])
        assert account["id"] == account_id
        tried = signed(dev_chain.chain, registration(dev_chain.chain, "bob-1"))
        assert len((await client.get("database", "validate_transaction", tried))["operation_results"]) == 1


def test_symbol_and_prefix_default_to_the_flavours() -> None:
    assert (BITSHARES.symbol, BITSHARES.prefix) == ("BTS", "BTS")
    other = DevChainSettings(flavour=Flavour.BITSHARES, symbol="TEST", prefix="NEW")
    assert (other.symbol, other.prefix) == ("TEST", "NEW")
    assert (DevChainSettings().symbol, DevChainSettings().prefix) == ("TEST", "TEST")


def test_no_dividend_account_exists() -> None:
    """Its name is anybody's."""
    chain = new_dev_chain(BITSHARES).chain
    assert chain.state.by_name("default-dividend-distribution") is None
    assert chain.state.ids["faucet"] == REGISTRAR
    assert register(chain, "default-dividend-distribution")


async def test_file_keeps_blocks_and_flavour(tmp_path: Path) -> None:
    path = tmp_path / "chain.journal"
    settings = DevChainSettings(block_interval=0, faults=True, flavour=Flavour.BITSHARES, data=path)
    dev_chain = DevChain(settings, clock=lambda: START)
    dev_chain.control.produce(3)
    register(dev_chain.chain, "alice-1")
    dev_chain.produce()
    await dev_chain.stop()
    again = DevChain(settings, clock=lambda: START)
    assert again.chain.head_id == dev_chain.chain.head_id
    assert again.chain.state.ids == dev_chain.chain.state.ids
    await again.stop()
    with pytest.raises(JournalError):
        DevChain(DevChainSettings(data=path, symbol="BTS", prefix="BTS"))
