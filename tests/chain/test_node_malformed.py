"""Malformed answers of a node: each is a bad reply."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chain.errors import BadReply
from chain.node import Node
from chain.transactions import CORE_ASSET, transfer
from tests.harness.recordings import SAMPLES, Recording, recorded, recorded_parameters

CALLS: dict[str, Callable[[Node], Awaitable[Any]]] = {
    "chain_id": lambda node: node.chain_id(),
    "prefix": lambda node: node.prefix(),
    "core_asset": lambda node: node.core_asset(),
    "head": lambda node: node.head(),
    "parameters": lambda node: node.parameters(),
    "accounts": lambda node: node.accounts(["faucet-registrar", "nobody-1"]),
    "names": lambda node: node.names(["1.2.20"]),
    "names_page": lambda node: node.names_page("", 5),
    "balance": lambda node: node.balance("1.2.20"),
    "required_fees": lambda node: node.required_fees([transfer(sender="1.2.20", receiver="1.2.6", amount=1)] * 2),
    "block": lambda node: node.block(63),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("result", ["text", 7, True, {}, {"id": 1}, [7], [[]], [{}], [None, {}], {"parameters": {}}])
async def test_malformed_reply_is_a_bad_reply(name: str, result: Any) -> None:
    with pytest.raises(BadReply):
        await CALLS[name](Node(Recording(result=result)))


#: Where a reply is changed, to what, and the call that must not take it.
WRONG: list[tuple[str, list[Any], Any, str]] = [
    ("get_chain_properties", ["chain_id"], "no hex digits", "chain_id"),
    ("get_chain_properties", ["chain_id"], "ab" * 32 + "\n", "chain_id"),
    ("get_config", ["GRAPHENE_ADDRESS_PREFIX"], "", "prefix"),
    ("get_config", ["GRAPHENE_ADDRESS_PREFIX"], "P" * 17, "prefix"),
    ("get_config", ["GRAPHENE_ADDRESS_PREFIX"], "PPY\n", "prefix"),
    ("get_config", ["GRAPHENE_ADDRESS_PREFIX"], "<b>", "prefix"),
    ("get_objects 1.3.0 (core asset)", [0], None, "core_asset"),
    ("get_objects 1.3.0 (core asset)", [0, "id"], "1.3.1", "core_asset"),
    ("get_objects 1.3.0 (core asset)", [0, "precision"], -1, "core_asset"),
    ("get_objects 1.3.0 (core asset)", [0, "precision"], 13, "core_asset"),
    ("get_objects 1.3.0 (core asset)", [0, "symbol"], "pp", "core_asset"),
    ("get_objects 1.3.0 (core asset)", [0, "symbol"], "P" * 17, "core_asset"),
    ("get_dynamic_global_properties", ["head_block_id"], "00", "head"),
    ("get_dynamic_global_properties", ["time"], "today", "head"),
    ("get_dynamic_global_properties", ["time"], "2026-11-23T17:23:25" + " " * 100, "head"),
    ("get_dynamic_global_properties", ["head_block_number"], "many", "head"),
    ("get_dynamic_global_properties", ["head_block_number"], -1, "head"),
    ("get_dynamic_global_properties", ["head_block_number"], 2**32, "head"),
    ("get_dynamic_global_properties", ["last_irreversible_block_num"], "-1", "head"),
    ("get_dynamic_global_properties", ["accounts_registered_this_interval"], 10**4299, "head"),
    ("get_global_properties", ["parameters", "account_fee_scale_bitshifts"], 256, "parameters"),
    ("get_global_properties", ["parameters", "block_interval"], -1, "parameters"),
    ("get_global_properties", ["parameters", "max_predicate_opcode"], "some", "parameters"),
    ("get_global_properties", ["parameters", "current_fees", "scale"], -1, "parameters"),
    ("get_global_properties", ["parameters", "current_fees", "parameters", 0, 1, "fee"], -1, "parameters"),
    ("get_global_properties", ["parameters", "current_fees", "parameters", 0, 1, "fee"], 2**63, "parameters"),
    ("get_global_properties", ["parameters", "current_fees", "parameters", 4, 1, "basic_fee"], 2**63, "parameters"),
    ("get_global_properties", ["parameters", "current_fees", "parameters", 5, 1, "fee"], "-1", "parameters"),
    ("lookup_account_names", [0, "membership_expiration_date"], "never", "accounts"),
    ("lookup_account_names", [0, "id"], "1.3.20", "accounts"),
    ("lookup_account_names", [0, "id"], "1.2." + "1" * 16, "accounts"),
    ("lookup_account_names", [0, "id"], "1.2.٣", "accounts"),
    ("lookup_account_names", [0, "name"], "somebody-else", "accounts"),
    ("lookup_account_names", [0, "name"], "a" * 64, "accounts"),
    ("lookup_account_names", [0, "owner", "weight_threshold"], 2**32, "accounts"),
    ("lookup_account_names", [0, "owner", "account_auths"], [["alice-1", 1]], "accounts"),
    ("lookup_account_names", [0, "active", "key_auths"], [["PPY1", 2**16]], "accounts"),
    ("lookup_account_names", [0, "active", "key_auths"], [["PPY1", 1]] * 2_001, "accounts"),
    ("lookup_account_names", [0, "active", "address_auths"], 7, "accounts"),
    ("lookup_account_names", [0, "options", "memo_key"], "a key", "accounts"),
    ("get_account_balances", [0, "amount"], "-1", "balance"),
    ("get_account_balances", [0, "amount"], 2**63, "balance"),
    ("get_account_balances", [0, "asset_id"], "1.3.1", "balance"),
    ("get_required_fees", [0, "amount"], -1, "required_fees"),
    ("get_required_fees", [0, "asset_id"], "1.3.1", "required_fees"),
    ("get_block", ["previous"], "xyz", "block"),
    ("get_block", ["timestamp"], "today", "block"),
    ("get_block", ["transactions", 0, "ref_block_num"], 2**16, "block"),
    ("get_block", ["transactions", 0, "ref_block_prefix"], 2**32, "block"),
    ("get_block", ["transactions", 0, "expiration"], "soon", "block"),
    ("get_block", ["transactions", 0, "signatures", 0], "1f", "block"),
]


@pytest.mark.parametrize(("sample", "path", "value", "name"), WRONG)
async def test_malformed_member_is_a_bad_reply(sample: str, path: list[Any], value: Any, name: str) -> None:
    recording = recorded_parameters() if name == "parameters" else recorded(sample)
    await CALLS[name](Node(recording))
    *way, last = path
    part = recording.answer["result"]
    for step in way:
        part = part[step]
    part[last] = value
    with pytest.raises(BadReply):
        await CALLS[name](Node(recording))


def pages(*page: tuple[str, str]) -> Recording:
    return Recording(result=list(page))


@pytest.mark.parametrize(
    "page",
    [
        [("b-1", "1.2.7"), ("c-1", "1.2.8"), ("d-1", "1.2.9"), ("e-1", "1.2.10")],
        [("a-9", "1.2.7")],
        [("c-1", "1.2.7"), ("b-1", "1.2.8")],
        [("b-1", "1.2.7"), ("b-1", "1.2.8")],
        [("B-1", "1.2.7")],
        [("b" * 64, "1.2.7")],
        [("b-1", "1.3.7")],
        [("b-1",)],
    ],
    ids=["too long", "before", "descending", "twice", "grammar", "long", "id", "form"],
)
async def test_unrequested_page_of_names_is_a_bad_reply(page: list[Any]) -> None:
    with pytest.raises(BadReply):
        await Node(pages(*page)).names_page("b-1", 3)


async def test_page_of_names_begins_at_its_cursor() -> None:
    page = [("b-1", "1.2.9"), ("b-10", "1.2.7"), ("b.a", "1.2.8")]
    assert await Node(pages(*page)).names_page("b-1", 3) == page
    assert await Node(pages()).names_page("b-1", 3) == []


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("accounts", [None]),
        ("accounts", [None, None, None]),
        ("names", []),
        ("names", [{"id": "1.2.21", "name": "alice-1"}]),
        ("names", [{"id": "1.2.20", "name": "alice-1"}] * 2),
        ("balance", [{"amount": 1, "asset_id": CORE_ASSET}] * 2),
        ("required_fees", [{"amount": 1, "asset_id": CORE_ASSET}]),
        ("core_asset", [SAMPLES["get_objects 1.3.0 (core asset)"]["reply"]["result"][0]] * 2),
    ],
)
async def test_wrong_number_of_results_is_a_bad_reply(name: str, result: list[Any]) -> None:
    with pytest.raises(BadReply):
        await CALLS[name](Node(Recording(result=result)))
