"""The typed calls, against what a witness node was seen to answer."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import Raw

from chain.errors import BadReply, Refused
from chain.fees import AccountCreateFee, AssertFee, TransferFee
from chain.node import MAX_NAMES, Account, Asset, Authority, Head, Node
from chain.packing import ACCOUNT_CREATE, TRANSFER
from chain.protocol import Session
from chain.refusals import Cause
from chain.transactions import CORE_ASSET, parse_time
from tests.harness.recordings import ERRORS, REGISTRAR_KEY, SAMPLES, Recording, recorded, recorded_parameters


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


async def test_accounts_are_looked_up_by_id_as_far_as_there_are_any() -> None:
    recording = recorded("lookup_account_names")
    recording.answer["result"][0]["active"] |= {"weight_threshold": "2", "key_auths": [["A", 1], ["B", "2"]]}
    (account,) = await Node(recording).accounts_by_id(["1.2.20", "1.2.999"])
    assert recording.calls == [["database", "get_objects", [["1.2.20", "1.2.999"]]]]
    assert (account.name, account.active.threshold) == ("faucet-registrar", 2)
    assert account.active.keys == (("A", 1), ("B", 2))


async def test_account_of_another_id_is_a_bad_reply() -> None:
    with pytest.raises(BadReply):
        await Node(recorded("lookup_account_names")).accounts_by_id(["1.2.21", "1.2.999"])


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
    frames: list[bytes] = []

    async def call(api: str, method: str, arguments: list[Any]) -> Raw:
        frame, answer = Session().request(api, method, arguments)
        frames.append(frame)
        answer.set_result(Raw(b"null"))
        return await answer

    await Node(call).broadcast(body)
    assert body.encode() in frames[0]
    assert json.loads(frames[0])["params"][:2] == ["network_broadcast", "broadcast_transaction"]


async def test_refused_broadcast_raises_the_reason() -> None:
    error = ERRORS["duplicate while pending"]["error"]
    with pytest.raises(Refused) as caught:
        await Node(Recording(error=error)).broadcast("{}")
    assert caught.value.refusal.cause is Cause.KNOWN


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


async def test_names_are_looked_up_by_id() -> None:
    recording = Recording(result=[{"id": "1.2.20", "name": "alice-1"}, {"id": "1.2.21", "name": "bob-1"}])
    assert await Node(recording).names(["1.2.20", "1.2.21"]) == {"1.2.20": "alice-1", "1.2.21": "bob-1"}
