"""Every error that was recorded on a real node is made by the dev chain, too, in the same shape."""

import re
from typing import Any

import pytest

from chain.refusals import read_refusal
from devchain import DevChain
from devchain.settings import published_key
from tests.harness import refused
from tests.harness.dev_chain import PLAIN, REGISTRAR, frames_of, payment
from tests.harness.refused import Case, Query
from tests.harness.support import data

RECORDED: dict[str, Any] = data("node-errors.json")

CASES: dict[str, Case] = {
    "account exists (in a block) via broadcast_transaction": refused.name_taken,
    "account exists (in a block) via broadcast_transaction_synchronous": refused.name_taken,
    "account exists via broadcast_transaction_with_callback": refused.name_taken,
    "account exists (still pending)": refused.name_taken_while_pending,
    "same name twice in one tx": lambda chain: refused.broadcast(chain, refused.new(chain), refused.new(chain)),
    "bad name 'a1.b'": refused.name_taken,
    "bad name 'x9'": refused.name_taken,
    "bad name 'aa--1b'": refused.name_taken,
    "premium name with basic fee": refused.other_fee("bananapieeadbad", 600_000),
    "expired": refused.expired,
    "expired via synchronous": refused.expired,
    "duplicate while pending": refused.known_while_pending,
    "duplicate after in a block": refused.known_in_a_block,
    "duplicate after in a block, synchronous": refused.known_in_a_block,
    "duplicate transfer after in a block": refused.known_in_a_block,
    "duplicate resent after its own expiration": refused.resent_when_expired,
    "no signature": lambda chain: refused.without(chain, signatures=[]),
    "wrong key": lambda chain: refused.broadcast(chain, refused.new(chain), key=published_key("stranger")),
    "wrong chain id": lambda chain: refused.broadcast(chain, refused.new(chain), chain_id="ab" * 32),
    "irrelevant extra signature": refused.two_signatures,
    "duplicate signature": refused.duplicate_signature,
    "garbage signature (65 zero bytes)": lambda chain: refused.without(chain, signatures=["00" * 65]),
    "short signature": lambda chain: refused.without(chain, signatures=["1f00"]),
    "insufficient balance for fee": refused.by_poor_registrar,
    "fee too low (0)": refused.other_fee(refused.NEW, 0),
    "transfer more than balance": refused.poor_transfer,
    "non-lifetime registrar": refused.by_plain_account,
    "non-member referrer": lambda chain: refused.broadcast(chain, refused.new(chain, referrer=PLAIN)),
    "expiration too far": lambda chain: refused.broadcast(chain, refused.new(chain), expires=86_401),
    "tapos wrong prefix": refused.unknown_reference(1),
    "tapos unknown block num": refused.unknown_reference(40_000),
    "bad public key": refused.with_memo_key("PPY1111"),
    "unknown registrar id": lambda chain: refused.broadcast(chain, refused.new(chain, registrar="1.2.999999")),
    "unknown op number": refused.unknown_operation,
    "bad expiration string": lambda chain: refused.without(chain, expiration="tomorrow"),
    "ref_block_num missing": lambda chain: refused.without(chain, "ref_block_num"),
    "no operations": lambda chain: refused.without(chain, operations=[]),
    "unknown method": refused.query(0, "no_such_method"),
    "unknown api id": refused.query(99, "get_config"),
    "api by name string (network_broadcast)": lambda chain: refused.without(chain, operations=[]),
    "too few args": refused.query(0, "get_objects"),
    "wrong arg type": refused.query(0, "get_objects", "notalist"),
    "bad object id": refused.query(0, "get_objects", ["1.2"]),
    "jsonrpc 2.0 error": refused.query(0, "no_such_method"),
}
REFUSED_NAMES = {
    case: refused.named(case.split("'")[1])
    for case, recorded in RECORDED.items()
    if case.startswith("bad name") and "is_valid_name" in str(recorded)
}
ALL = {**CASES, **REFUSED_NAMES}
#: Cases whose stack was recorded to its end.
WHOLE = {case for case in ALL if isinstance(RECORDED[case]["error"]["data"]["stack"][-1], dict)}
#: What a node takes, against what one might think.
TAKEN_BY_A_NODE: dict[str, Case] = {
    "premium name (full fee)": refused.named("bananapie"),
    "dup first": refused.named(refused.NEW),
    "referrer committee-account 1.2.0 (peerplays lib default)": lambda chain: refused.broadcast(
        chain, refused.new(chain, referrer="1.2.0")
    ),
    "wrong prefix public key": refused.foreign_prefix,
}


@pytest.mark.parametrize("name", sorted(ALL))
async def test_error_has_the_shape_of_a_real_node(name: str) -> None:
    """Code, name, message and first stack frame agree; the whole stack where it was recorded."""
    real = RECORDED[name]["error"]
    error = (await refused.reply_to(ALL[name]))["error"]
    assert (error["code"], neutral(error["message"])) == (real["code"], neutral(real["message"]))
    for member in ("code", "name", "message"):
        assert error["data"][member] == real["data"][member]
    if name in WHOLE:
        assert frames_of(error) == frames_of(real)
    else:
        assert frames_of(error)[0] == frames_of(real)[0]


@pytest.mark.parametrize("name", sorted(WHOLE))
async def test_error_names_the_rejected_operation_where_a_real_node_does(name: str) -> None:
    ours = read_refusal((await refused.reply_to(ALL[name]))["error"])
    theirs = read_refusal(RECORDED[name]["error"])
    assert (ours.operation is None) == (theirs.operation is None)


def test_every_recorded_case_is_covered() -> None:
    not_calls = {"no params"}  # see test_devchain_server.py
    assert {*CASES, *REFUSED_NAMES, *TAKEN_BY_A_NODE, *not_calls} == set(RECORDED)


def neutral(text: str) -> str:
    """Without what differs from chain to chain: account ids, and the end of what came after a key's length."""
    return re.sub(r"1\.2\.\d+", "1.2.x", text).split(" fc::array")[0].replace("faucet-registrar", "faucet")


@pytest.mark.parametrize(
    ("operation", "text"),
    [
        ({"referrer_percent": 10_001}, "referrer_percent <= GRAPHENE_100_PERCENT"),
        ({"extra_owner_accounts": ["1.2.999"]}, "Account ${a} specified in authority does not exist"),
        ({"extra_active_accounts": [f"1.2.{n}" for n in range(10)]}, "Maximum authority membership exceeded"),
        ({"voting_account": "1.2.999"}, "maybe_found != nullptr: Unable to find Object"),
        ({"referrer": "1.2.999"}, "maybe_found != nullptr: Unable to find Object"),
    ],
)
async def test_unrecorded_operation_is_refused(operation: dict[str, Any], text: str) -> None:
    """What the chain's source refuses, and nobody tried on the node."""
    error = (await refused.reply_to(lambda chain: refused.broadcast(chain, refused.new(chain, **operation))))["error"]
    assert error["data"]["stack"][0]["format"].startswith(text)


@pytest.mark.parametrize("name", sorted(TAKEN_BY_A_NODE))
async def test_what_a_real_node_accepts_is_accepted(name: str) -> None:
    assert (await refused.reply_to(TAKEN_BY_A_NODE[name]))["result"] is None


@pytest.mark.parametrize(("amount", "receiver"), [(0, PLAIN), (-5, PLAIN), (5, REGISTRAR)])
async def test_empty_transfer_or_one_to_oneself_is_refused(amount: int, receiver: str) -> None:
    error = (
        await refused.reply_to(lambda chain: refused.broadcast(chain, payment(chain.chain, amount, receiver=receiver)))
    )["error"]
    assert error["data"]["stack"][0]["context"]["file"] == "transfer.cpp"


async def test_low_balance_and_no_balance_have_different_errors() -> None:
    """db_balance.cpp has an assertion for each; both mean that the balance is too small."""

    def case(dev_chain: DevChain) -> Query:
        dev_chain.control.set_balance("faucet", 10)
        return refused.broadcast(dev_chain, refused.new(dev_chain))

    error = (await refused.reply_to(case))["error"]
    assert error["data"]["stack"][0]["format"].startswith("itr->get_balance() >= -delta: Insufficient Balance")
    assert read_refusal(error).operation is not None


async def test_another_asset_is_unknown() -> None:
    def case(dev_chain: DevChain) -> Query:
        operation = payment(dev_chain.chain, 5)
        operation[1]["amount"]["asset_id"] = "1.3.1"
        return refused.broadcast(dev_chain, operation)

    assert (await refused.reply_to(case))["error"]["data"]["stack"][0]["data"] == {"id": "1.3.1"}


async def test_stack_frames_carry_their_context_on_the_wire() -> None:
    error = (await refused.reply_to(refused.name_taken))["error"]
    context = {"level", "file", "line", "method", "hostname", "thread_name", "timestamp"}
    assert all({*frame["context"]} == context for frame in error["data"]["stack"])
