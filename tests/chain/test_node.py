"""The typed calls, against what a witness node was seen to answer."""

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from chain.blocks import MAX_BODY, MAX_NESTING, OUT_OF_REASON
from chain.errors import BadReply, Refused
from chain.fees import AccountCreateFee, AssertFee, TransferFee
from chain.node import (
    BLOCKS_IN_FLIGHT,
    MAX_BLOCKS,
    MAX_NAMES,
    UNKNOWN_METHOD,
    Account,
    Asset,
    Authority,
    Block,
    Head,
    Node,
)
from chain.open_link import open_link
from chain.packing import ACCOUNT_CREATE, ACCOUNT_UPDATE, ASSERT, TRANSFER
from chain.protocol import Session
from chain.refusals import Cause, read_refusal
from chain.transactions import CORE_ASSET, parse_time, transfer
from devchain import DevChain, DevChainSettings
from tests.harness.support import data

SAMPLES = data("node-samples.json")
ERRORS = data("node-errors.json")
REGISTRAR_KEY = "PPY5roySZzFKTfsamp7VHbBaBYqRLXmWiES9MHWZ9tLmjVzNCUcfA"


class Recording:
    """Answers a call as the node was recorded to, through the protocol as it is on the wire."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.calls: list[Any] = []

    async def __call__(self, api: str, method: str, arguments: list[Any]) -> Raw:
        session = Session()
        text, answer = session.request(api, method, arguments)
        request = json.loads(text)
        self.calls.append(request["params"])
        session.receive(json.dumps({"id": request["id"], "jsonrpc": "2.0", **self.answer}).encode())
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


async def test_chain_identity_is_read() -> None:
    chain_id = await Node(recorded("get_chain_properties")).chain_id()
    assert chain_id == "108e56364cde5f5f48aed8df6fe5c4c5adfb451bb34a13e453cdfd7a84b95ce8"
    assert await Node(recorded("get_config")).prefix() == "PPY"
    assert await Node(recorded("get_objects 1.3.0 (core asset)")).core_asset() == Asset("PPY", 5)


async def test_head_time_is_in_seconds() -> None:
    head = await Node(recorded("get_dynamic_global_properties")).head()
    assert head == Head(
        number=62,
        id="0000003e36c22453f15523af856a08001aacc826",
        time=parse_time("2026-11-23T17:23:25"),
        irreversible=55,
        accounts_registered=240,
    )


async def test_parameters_include_the_fees_of_sent_operations() -> None:
    parameters = await Node(recorded_parameters()).parameters()
    assert parameters.block_interval == 1
    assert parameters.maximum_transaction_size == 2048
    assert parameters.accounts_per_fee_scale == 1000
    assert parameters.account_fee_scale_bitshifts == 0
    assert parameters.account_create == AccountCreateFee(500000, 200000000, 100000, 10000)
    assert parameters.transfer == TransferFee(2000000, 1000000, 10000)
    assert parameters.assertion == AssertFee(100000, 10000)
    assert parameters.max_predicate_opcode == 1


async def test_chain_without_assertions_has_no_assertion_fee() -> None:
    recording = recorded_parameters()
    parameters = recording.answer["result"]["parameters"]
    parameters["current_fees"]["parameters"].pop()
    del parameters["max_predicate_opcode"]
    found = await Node(recording).parameters()
    assert (found.assertion, found.max_predicate_opcode) == (None, None)


@pytest.mark.parametrize("number", [ACCOUNT_CREATE, TRANSFER])
async def test_missing_fee_is_a_bad_reply(number: int) -> None:
    recording = recorded_parameters()
    fees = recording.answer["result"]["parameters"]["current_fees"]
    fees["parameters"] = [entry for entry in fees["parameters"] if entry[0] != number]
    with pytest.raises(BadReply):
        await Node(recording).parameters()


async def test_accounts_are_looked_up_by_name() -> None:
    recording = recorded("lookup_account_names")
    found = await Node(recording).accounts(["faucet-registrar", "nobody-1"])
    assert recording.calls == [["database", "lookup_account_names", [["faucet-registrar", "nobody-1"]]]]
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
async def test_only_an_endless_membership_is_lifetime(until: str, lifetime: bool) -> None:
    recording = recorded("lookup_account_names")
    recording.answer["result"][0]["membership_expiration_date"] = until
    account = (await Node(recording).accounts(["faucet-registrar", "nobody-1"]))[0]
    assert account is not None
    assert account.lifetime_member is lifetime
    assert account.member_until == parse_time(until)


async def test_signing_key_reaches_the_threshold_alone() -> None:
    recording = recorded("lookup_account_names")
    recording.answer["result"][0]["active"] |= {"weight_threshold": "2", "key_auths": [["A", 1], ["B", "2"], ["C", 3]]}
    account = (await Node(recording).accounts(["faucet-registrar", "nobody-1"]))[0]
    assert account is not None
    assert account.active.keys == (("A", 1), ("B", 2), ("C", 3))
    assert account.signing_keys == {"B", "C"}


async def test_authority_is_read_completely() -> None:
    recording = recorded("lookup_account_names")
    recording.answer["result"][0]["owner"] = {
        "weight_threshold": 3,
        "account_auths": [["1.2.9", 1], ["1.2.10", "2"]],
        "key_auths": [["A", 2]],
        "address_auths": [["PPYaddress", 1]],
    }
    recording.answer["result"][0]["options"]["memo_key"] = "M"
    account = (await Node(recording).accounts(["faucet-registrar", "nobody-1"]))[0]
    assert account is not None
    assert account.owner == Authority(
        threshold=3, keys=(("A", 2),), accounts=(("1.2.9", 1), ("1.2.10", 2)), addresses=1
    )
    assert account.memo_key == "M"


async def test_names_are_paged() -> None:
    recording = recorded("lookup_accounts")
    page = await Node(recording).names_page("", 5)
    assert recording.calls == [["database", "lookup_accounts", ["", 5]]]
    assert page[:2] == [("committee-account", "1.2.0"), ("default-dividend-distribution", "1.2.6")]
    assert len(page) == 5


async def test_balance_may_be_a_string() -> None:
    recording = recorded("get_account_balances")
    assert await Node(recording).balance("1.2.20") == 499999876453220
    assert recording.calls == [["database", "get_account_balances", ["1.2.20", [CORE_ASSET]]]]


async def test_account_without_the_core_asset_has_balance_zero() -> None:
    assert await Node(Recording(result=[])).balance("1.2.20") == 0


async def test_required_fees_are_per_operation() -> None:
    recording = recorded("get_required_fees")
    operations = SAMPLES["get_required_fees"]["request"]["params"][2][0]
    assert await Node(recording).required_fees(operations) == [515039, 515039]
    assert recording.calls == [["database", "get_required_fees", [operations, CORE_ASSET]]]


async def test_transaction_is_broadcast_byte_for_byte() -> None:
    body = '{"signatures":["1f55"],  "operations": []}'
    texts: list[str] = []

    async def call(api: str, method: str, arguments: list[Any]) -> Raw:
        text, answer = Session().request(api, method, arguments)
        texts.append(text)
        answer.set_result(Raw(b"null"))
        return await answer

    await Node(call).broadcast(body)
    assert body in texts[0]
    assert json.loads(texts[0])["params"][:2] == ["network_broadcast", "broadcast_transaction"]


async def test_refused_broadcast_raises_the_reason() -> None:
    error = ERRORS["duplicate while pending"]["error"]
    with pytest.raises(Refused) as caught:
        await Node(Recording(error=error)).broadcast("{}")
    assert caught.value.refusal.cause is Cause.KNOWN


async def test_block_has_the_results_of_its_operations() -> None:
    recording = recorded("get_block")
    block = await Node(recording).block(63)
    sample = SAMPLES["get_block"]["reply"]["result"]["transactions"][0]
    assert recording.calls == [["database", "get_block", [63]]]
    assert block is not None
    assert block.number == 63
    assert block.previous == "0000003e36c22453f15523af856a08001aacc826"
    assert block.time == parse_time("2026-11-23T17:23:26")
    assert [transaction.signatures for transaction in block.transactions] == [tuple(sample["signatures"])]
    assert list(block.transactions[0].operations) == sample["operations"]
    assert list(block.transactions[0].made) == [made for _, made in sample["operation_results"]]


async def test_operation_that_makes_no_object_has_no_result() -> None:
    recording = recorded("get_block")
    results = [[0, {}], [2, {"amount": 1, "asset_id": CORE_ASSET}]]
    transaction = recording.answer["result"]["transactions"][0]
    transaction["operations"] = [
        [ACCOUNT_UPDATE, {"fee": {"amount": 1, "asset_id": CORE_ASSET}, "account": "1.2.7", "extensions": {}}]
    ] * 2
    transaction["operation_results"] = results
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].results == (None, None)


@pytest.mark.parametrize("results", [[], None])
async def test_chain_without_operation_results(results: list[Any] | None) -> None:
    """BitShares empties the list; a chain may leave it out."""
    recording = recorded("get_block")
    transaction = recording.answer["result"]["transactions"][0]
    transaction["operation_results"] = results
    if results is None:
        del transaction["operation_results"]
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].results is None
    assert block.transactions[0].made == (None, None)


async def test_account_ids_are_looked_up_in_batches() -> None:
    account = SAMPLES["lookup_account_names"]["reply"]["result"][0]

    async def call(_api: str, _method: str, arguments: list[Any]) -> Raw:
        calls.append(len(arguments[0]))
        found = [{"id": account["id"], "name": name} if name != "nobody" else None for name in arguments[0]]
        return Raw(msgspec.json.encode(found))

    calls: list[int] = []
    names = [*(f"name-{number}" for number in range(MAX_NAMES)), "nobody", "last"]
    ids = await Node(call).account_ids(names)
    assert calls == [MAX_NAMES, 2]
    assert ids == {name: account["id"] for name in names if name != "nobody"}


@pytest.mark.parametrize(
    "reply", [[], [None, None], [{"id": "1.2.5", "name": "other"}], [{"id": "1.3.0", "name": "a"}]]
)
async def test_account_ids_for_other_names_are_a_bad_reply(reply: list[Any]) -> None:
    with pytest.raises(BadReply):
        await Node(Recording(result=reply)).account_ids(["a"])


async def test_optional_parameters_may_be_missing() -> None:
    """A chain without fee scaling or fees by size; another has parameters that are not looked at."""
    recording = recorded_parameters()
    parameters = recording.answer["result"]["parameters"]
    for name in ("accounts_per_fee_scale", "account_fee_scale_bitshifts", "max_predicate_opcode"):
        del parameters[name]
    parameters["extensions"] = {"updatable_htlc_options": {"max_timeout_secs": 1}}
    fees = dict(parameters["current_fees"]["parameters"])
    del fees[ACCOUNT_CREATE]["price_per_kbyte"], fees[TRANSFER]["price_per_kbyte"]
    found = await Node(recording).parameters()
    assert (found.accounts_per_fee_scale, found.account_fee_scale_bitshifts, found.max_predicate_opcode) == (0, 0, None)
    assert (found.account_create.price_per_kbyte, found.transfer.price_per_kbyte) == (0, 0)


async def test_block_beyond_the_head_is_none() -> None:
    assert await Node(recorded("get_block, not there yet")).block(10_000_000) is None


async def offers(node: Node) -> dict[str, str | None]:
    return {api: await node.serves(api) for api in ("database", "network_broadcast", "block_api")}


async def test_api_that_rejects_an_unknown_method_is_offered() -> None:
    recording = Recording(error=copy.deepcopy(ERRORS["unknown method"]["error"]))
    recording.answer["error"]["data"]["stack"][0]["data"]["name"] = UNKNOWN_METHOD
    assert await Node(recording).serves("network_broadcast") is None
    assert recording.calls == [["network_broadcast", UNKNOWN_METHOD, []]]


@pytest.mark.parametrize("case", ["unknown method", "unknown api id", "api by name string (network_broadcast)"])
async def test_api_with_any_other_error_is_not_offered(case: str) -> None:
    """Of an API that it does not know a node says that there is no such method, by the API's name."""
    error = ERRORS[case]["error"]
    assert await Node(Recording(error=error)).serves("block_api") == read_refusal(error).text


async def test_api_that_answers_an_unknown_method_is_not_offered() -> None:
    assert await Node(Recording(result=[])).serves("database") == "answers a method that does not exist"


async def test_dev_chain_offers_its_apis() -> None:
    chain = DevChain(DevChainSettings(block_interval=0))
    await chain.start()
    try:
        async with open_link([chain.url], timeout=5.0) as link:
            offered = await offers(Node(link.call))
    finally:
        await chain.stop()
    missing = "itr != _by_name.end(): no method with name '${name}'"
    assert offered == {"database": None, "network_broadcast": None, "block_api": missing}


async def test_unknown_operations_are_kept_without_bodies() -> None:
    recording = recorded("get_block")
    transaction = recording.answer["result"]["transactions"][0]
    transaction["operations"][0] = [1, {"fee": {"amount": 1, "asset_id": "1.3.0"}, "seller": "1.2.3"}]
    transaction["operation_results"][0] = [1, "1.7.5"]
    block = await Node(recording).block(63)
    assert block is not None
    assert list(block.transactions[0].operations) == [[1, {}], transaction["operations"][1]]
    assert block.transactions[0].operations[1:][0] == transaction["operations"][1]
    assert block.transactions[0].results == ("1.7.5", transaction["operation_results"][1][1])


@pytest.mark.parametrize(
    ("number", "body"),
    [
        (TRANSFER, {"from": "1.2.3", "to": "1.2.4", "amount": {"amount": "5", "asset_id": "1.3.1"}, "memo": {}}),
        (ACCOUNT_UPDATE, {"account": "1.2.3", "active": {"weight_threshold": 1}}),
        (ASSERT, {"fee_paying_account": "1.2.3", "predicates": [[0, {"account_id": "1.2.4", "name": "alice-1"}]]}),
    ],
)
async def test_known_operations_are_kept_whole(number: int, body: dict[str, Any]) -> None:
    recording = recorded("get_block")
    operation = [number, {"fee": {"amount": 1, "asset_id": "1.3.0"}, **body, "extensions": []}]
    recording.answer["result"]["transactions"][0]["operations"][0] = operation
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].operations[0] == operation


@pytest.mark.parametrize("memo", ["x" * MAX_BODY, [[0]] * MAX_NESTING])
async def test_oversized_operation_counts_as_unknown(memo: Any) -> None:
    recording = recorded("get_block")
    body = {**transfer(sender="1.2.3", receiver="1.2.4", amount=5)[1], "memo": memo}
    recording.answer["result"]["transactions"][0]["operations"][0] = [TRANSFER, body]
    block = await Node(recording).block(63)
    assert block is not None
    assert block.transactions[0].operations[0] == [OUT_OF_REASON, {}]


class Chain:
    """A node that has blocks of some size up to a head."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = sizes
        self.calls: list[int] = []
        self.in_flight = self.most = 0

    async def __call__(self, _api: str, _method: str, arguments: list[int]) -> Raw:
        (number,) = arguments
        self.calls.append(number)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        if number > len(self._sizes):
            return Raw(b"null")
        block = {"previous": "00" * 20, "timestamp": "2026-11-23T17:23:26", "transactions": [], "extra": ""}
        return Raw(json.dumps({**block, "extra": "x" * self._sizes[number - 1]}).encode())


def numbers(blocks: list[Block]) -> list[int]:
    return [block.number for block in blocks]


async def test_blocks_are_read_concurrently_up_to_the_first_missing_one() -> None:
    chain = Chain(*[0] * 40)
    assert numbers(await Node(chain).blocks(range(3, 60))) == list(range(3, 41))
    assert chain.most == BLOCKS_IN_FLIGHT
    assert await Node(chain).blocks(range(41, 60)) == []


async def test_blocks_in_memory_are_bounded() -> None:
    size = MAX_BLOCKS // 4
    chain = Chain(*[size] * 100)
    blocks = await Node(chain).blocks(range(1, 101))
    assert numbers(blocks) == [1, 2, 3]
    assert all(size < block.size < size + 200 for block in blocks)
    assert max(chain.calls) <= 4 + BLOCKS_IN_FLIGHT


async def test_two_blocks_are_read_whatever_their_size() -> None:
    assert numbers(await Node(Chain(*[MAX_BLOCKS] * 5)).blocks(range(1, 6))) == [1, 2]


async def test_failure_cancels_the_other_reads() -> None:
    chain = Chain(*[0] * 100)

    async def lying(api: str, method: str, arguments: list[Any]) -> Raw:
        return Raw(b"{}") if arguments == [5] else await chain(api, method, arguments)

    with pytest.raises(BadReply):
        await Node(lying).blocks(range(1, 101))
    read = len(chain.calls)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(chain.calls) == read


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
    ("get_block", ["transactions", 0, "operations", 0], [5], "block"),
    ("get_block", ["transactions", 0, "operations", 0], [5, {}], "block"),
    ("get_block", ["transactions", 0, "operations", 0, 1, "name"], "Alice", "block"),
    ("get_block", ["transactions", 0, "operations", 0, 1, "registrar"], "1.3.0", "block"),
    ("get_block", ["transactions", 0, "operations", 0, 1, "options"], {"memo_key": "PPY1"}, "block"),
    ("get_block", ["transactions", 0, "operations", 0], [TRANSFER, {"from": "1.2.3", "to": "1.2.4"}], "block"),
    ("get_block", ["transactions", 0, "operations", 0, 1, "fee", "amount"], -1, "block"),
    ("get_block", ["transactions", 0, "operations", 0, 1, "owner", "key_auths"], [[]], "block"),
    ("get_block", ["transactions", 0, "operation_results"], [[0, {}]], "block"),
    ("get_block", ["transactions", 0, "operation_results", 0], [1, None], "block"),
    ("get_block", ["transactions", 0, "operation_results", 0], [1, "alice"], "block"),
    ("get_block", ["transactions", 0, "operation_results", 0], [1, "1.7.5"], "block"),
    ("get_block", ["transactions", 0, "operation_results", 0], [0, {}], "block"),
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


async def test_names_are_looked_up_by_id() -> None:
    recording = Recording(result=[{"id": "1.2.20", "name": "alice-1"}, {"id": "1.2.21", "name": "bob-1"}])
    assert await Node(recording).names(["1.2.20", "1.2.21"]) == ["alice-1", "bob-1"]
