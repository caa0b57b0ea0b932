"""The typed calls, against what a witness node was seen to answer."""

import copy
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from chain.errors import BadReply, Refused
from chain.fees import AccountCreateFee, AssertFee, TransferFee
from chain.node import Account, Asset, Authority, Head, Node
from chain.packing import ACCOUNT_CREATE, ASSERT, TRANSFER
from chain.protocol import Session
from chain.refusals import Cause
from chain.transactions import CORE_ASSET, parse_time, transfer
from tests.support import data, run

SAMPLES = data("node-samples.json")
ERRORS = data("node-errors.json")
REGISTRAR_KEY = "PPY5roySZzFKTfsamp7VHbBaBYqRLXmWiES9MHWZ9tLmjVzNCUcfA"


class Recording:
    """Answers a call as the node was recorded to, through the protocol as it is on the wire."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: list[Any] = []

    async def __call__(self, api: str, method: str, arguments: list[Any]) -> Any:
        session = Session()
        text, answer = session.request(api, method, arguments)
        request = json.loads(text)
        self.asked.append(request["params"])
        session.receive(json.dumps({"id": request["id"], "jsonrpc": "2.0", **self.answer}))
        return await answer


def recorded(name: str) -> Recording:
    return Recording(result=copy.deepcopy(SAMPLES[name]["reply"]["result"]))


def recorded_parameters() -> Recording:
    """The recorded chain parameters, with the fees that the recording leaves out."""
    recording = recorded("get_global_properties")
    fees = recording.answer["result"]["parameters"]["current_fees"]
    fees["parameters"] = [
        *fees["parameters"][:3],
        [3, {}],
        [ACCOUNT_CREATE, {"basic_fee": 500000, "premium_fee": "200000000", "price_per_kbyte": 100000}],
        [ASSERT, {"fee": 100000}],
    ]
    return recording


def test_the_chain_says_what_it_is() -> None:
    async def scenario() -> None:
        chain_id = await Node(recorded("get_chain_properties")).chain_id()
        assert chain_id == "108e56364cde5f5f48aed8df6fe5c4c5adfb451bb34a13e453cdfd7a84b95ce8"
        assert await Node(recorded("get_config")).prefix() == "PPY"
        assert await Node(recorded("get_objects 1.3.0 (core asset)")).core_asset() == Asset("PPY", 5)

    run(scenario())


def test_the_head_comes_with_its_time_in_seconds() -> None:
    head = run(Node(recorded("get_dynamic_global_properties")).head())
    assert head == Head(
        number=62,
        id="0000003e36c22453f15523af856a08001aacc826",
        time=parse_time("2026-11-23T17:23:25"),
        irreversible=55,
        accounts_registered=240,
    )


def test_the_parameters_come_with_the_fees_of_what_the_faucet_sends() -> None:
    parameters = run(Node(recorded_parameters()).parameters())
    assert parameters.block_interval == 1
    assert parameters.maximum_transaction_size == 2048
    assert parameters.accounts_per_fee_scale == 1000
    assert parameters.account_fee_scale_bitshifts == 0
    assert parameters.account_create == AccountCreateFee(500000, 200000000, 100000, 10000)
    assert parameters.transfer == TransferFee(2000000, 1000000, 10000)
    assert parameters.assertion == AssertFee(100000, 10000)
    assert parameters.max_predicate_opcode == 1


def test_a_chain_need_not_know_assertions() -> None:
    recording = recorded_parameters()
    parameters = recording.answer["result"]["parameters"]
    parameters["current_fees"]["parameters"].pop()
    del parameters["max_predicate_opcode"]
    found = run(Node(recording).parameters())
    assert (found.assertion, found.max_predicate_opcode) == (None, None)


@pytest.mark.parametrize("number", [ACCOUNT_CREATE, TRANSFER])
def test_a_fee_that_is_missing_is_a_bad_reply(number: int) -> None:
    recording = recorded_parameters()
    fees = recording.answer["result"]["parameters"]["current_fees"]
    fees["parameters"] = [entry for entry in fees["parameters"] if entry[0] != number]
    with pytest.raises(BadReply):
        run(Node(recording).parameters())


def test_accounts_are_found_by_name_or_are_none() -> None:
    recording = recorded("lookup_account_names")
    found = run(Node(recording).accounts(["faucet-registrar", "nobody-1"]))
    assert recording.asked == [["database", "lookup_account_names", [["faucet-registrar", "nobody-1"]]]]
    assert found == [
        Account(
            id="1.2.20",
            name="faucet-registrar",
            owner=Authority(threshold=1, keys=((REGISTRAR_KEY, 1),), accounts=(), addresses=0),
            active=Authority(threshold=1, keys=((REGISTRAR_KEY, 1),), accounts=(), addresses=0),
            memo_key=REGISTRAR_KEY,
            signing_keys=frozenset({REGISTRAR_KEY}),
            member_until=2**32 - 1,
        ),
        None,
    ]


@pytest.mark.parametrize(
    ("until", "lifetime"),
    [("2106-02-07T06:28:15", True), ("2106-02-07T06:28:14", False), ("2027-01-01T00:00:00", False)],
)
def test_only_a_membership_without_end_is_for_life(until: str, lifetime: bool) -> None:
    recording = recorded("lookup_account_names")
    recording.answer["result"][0]["membership_expiration_date"] = until
    account = run(Node(recording).accounts(["faucet-registrar", "nobody-1"]))[0]
    assert account is not None
    assert account.lifetime_member is lifetime
    assert account.member_until == parse_time(until)


def test_a_key_signs_alone_only_if_its_weight_reaches_the_threshold() -> None:
    recording = recorded("lookup_account_names")
    recording.answer["result"][0]["active"] |= {"weight_threshold": "2", "key_auths": [["A", 1], ["B", "2"], ["C", 3]]}
    account = run(Node(recording).accounts(["faucet-registrar", "nobody-1"]))[0]
    assert account is not None
    assert account.active.keys == (("A", 1), ("B", 2), ("C", 3))
    assert account.signing_keys == {"B", "C"}


def test_an_authority_comes_whole() -> None:
    recording = recorded("lookup_account_names")
    recording.answer["result"][0]["owner"] = {
        "weight_threshold": 3,
        "account_auths": [["1.2.9", 1], ["1.2.10", "2"]],
        "key_auths": [["A", 2]],
        "address_auths": [["PPYaddress", 1]],
    }
    recording.answer["result"][0]["options"]["memo_key"] = "M"
    account = run(Node(recording).accounts(["faucet-registrar", "nobody-1"]))[0]
    assert account is not None
    assert account.owner == Authority(
        threshold=3, keys=(("A", 2),), accounts=(("1.2.9", 1), ("1.2.10", 2)), addresses=1
    )
    assert account.memo_key == "M"


def test_names_come_in_pages() -> None:
    recording = recorded("lookup_accounts")
    page = run(Node(recording).names_page("", 5))
    assert recording.asked == [["database", "lookup_accounts", ["", 5]]]
    assert page[:2] == [("committee-account", "1.2.0"), ("default-dividend-distribution", "1.2.6")]
    assert len(page) == 5


def test_a_balance_may_come_as_text() -> None:
    recording = recorded("get_account_balances")
    assert run(Node(recording).balance("1.2.20")) == 499999876453220
    assert recording.asked == [["database", "get_account_balances", ["1.2.20", [CORE_ASSET]]]]


def test_an_account_without_the_core_asset_has_nothing() -> None:
    assert run(Node(Recording(result=[])).balance("1.2.20")) == 0


def test_each_operation_has_its_required_fee() -> None:
    recording = recorded("get_required_fees")
    operations = SAMPLES["get_required_fees"]["request"]["params"][2][0]
    assert run(Node(recording).required_fees(operations)) == [515039, 515039]
    assert recording.asked == [["database", "get_required_fees", [operations, CORE_ASSET]]]


def test_a_transaction_is_broadcast_byte_for_byte() -> None:
    body = '{"signatures":["1f55"],  "operations": []}'
    texts: list[str] = []

    async def call(api: str, method: str, arguments: list[Any]) -> Any:
        text, answer = Session().request(api, method, arguments)
        texts.append(text)
        answer.set_result(None)
        return await answer

    run(Node(call).broadcast(body))
    assert body in texts[0]
    assert json.loads(texts[0])["params"][:2] == ["network_broadcast", "broadcast_transaction"]


def test_a_refused_broadcast_says_why() -> None:
    error = ERRORS["duplicate while pending"]["error"]
    with pytest.raises(Refused) as caught:
        run(Node(Recording(error=error)).broadcast("{}"))
    assert caught.value.refusal.cause is Cause.KNOWN


def test_a_block_comes_with_what_its_operations_made() -> None:
    recording = recorded("get_block")
    block = run(Node(recording).block(63))
    sample = SAMPLES["get_block"]["reply"]["result"]["transactions"][0]
    assert recording.asked == [["database", "get_block", [63]]]
    assert block is not None
    assert block.number == 63
    assert block.previous == "0000003e36c22453f15523af856a08001aacc826"
    assert block.time == parse_time("2026-11-23T17:23:26")
    assert [transaction.signatures for transaction in block.transactions] == [tuple(sample["signatures"])]
    assert list(block.transactions[0].operations) == sample["operations"]
    assert list(block.transactions[0].results) == [made for _, made in sample["operation_results"]]


def test_an_operation_that_makes_no_object_has_no_result() -> None:
    recording = recorded("get_block")
    results = [[0, {}], [2, {"amount": 1, "asset_id": CORE_ASSET}]]
    recording.answer["result"]["transactions"][0]["operation_results"] = results
    block = run(Node(recording).block(63))
    assert block is not None
    assert block.transactions[0].results == (None, None)


def test_there_is_no_block_beyond_the_head() -> None:
    assert run(Node(recorded("get_block, not there yet")).block(10_000_000)) is None


CALLS: dict[str, Callable[[Node], Awaitable[Any]]] = {
    "chain_id": lambda node: node.chain_id(),
    "prefix": lambda node: node.prefix(),
    "core_asset": lambda node: node.core_asset(),
    "head": lambda node: node.head(),
    "parameters": lambda node: node.parameters(),
    "accounts": lambda node: node.accounts(["faucet-registrar"]),
    "names_page": lambda node: node.names_page("", 5),
    "balance": lambda node: node.balance("1.2.20"),
    "required_fees": lambda node: node.required_fees([transfer(sender="1.2.20", receiver="1.2.6", amount=1)]),
    "block": lambda node: node.block(63),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("result", ["text", 7, True, {}, {"id": 1}, [7], [[]], [{}], [None, None], {"parameters": {}}])
def test_a_reply_in_another_form_is_a_bad_reply(name: str, result: Any) -> None:
    async def scenario() -> None:
        with pytest.raises(BadReply):
            await CALLS[name](Node(Recording(result=result)))

    run(scenario())


@pytest.mark.parametrize(
    ("sample", "path", "value", "name"),
    [
        ("get_chain_properties", ["chain_id"], "no hex digits", "chain_id"),
        ("get_dynamic_global_properties", ["head_block_id"], "00", "head"),
        ("get_dynamic_global_properties", ["time"], "today", "head"),
        ("get_dynamic_global_properties", ["head_block_number"], "many", "head"),
        ("lookup_account_names", [0, "membership_expiration_date"], "never", "accounts"),
        ("get_objects 1.3.0 (core asset)", [0], None, "core_asset"),
        ("get_block", ["previous"], "xyz", "block"),
        ("get_block", ["transactions", 0, "operations", 0], [5], "block"),
        ("get_block", ["transactions", 0, "operation_results"], [], "block"),
        ("get_block", ["transactions", 0, "operation_results", 0], [1, None], "block"),
    ],
)
def test_a_part_in_another_form_is_a_bad_reply(sample: str, path: list[Any], value: Any, name: str) -> None:
    async def scenario() -> None:
        recording = recorded(sample)
        *way, last = path
        part = recording.answer["result"]
        for step in way:
            part = part[step]
        part[last] = value
        with pytest.raises(BadReply):
            await CALLS[name](Node(recording))

    run(scenario())
