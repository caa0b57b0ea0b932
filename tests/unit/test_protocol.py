"""JSON-RPC without the socket."""

import asyncio
import contextlib
import gc
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chain.errors import BadReply, NotSent, OutcomeUnknown, Refused
from chain.protocol import LARGEST_ID, MAX_ERROR, MAX_VALUES, Session
from chain.refusals import Cause
from chain.repair import MAX_DEPTH, make_readable
from tests.harness.support import data

SAMPLES = data("node-samples.json")
ERRORS = data("node-errors.json")
RECORDED = [name for name, sample in SAMPLES.items() if "reply" in sample]

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["id", "result", "method", "params"]), inner),
)


def reply(number: object, **members: object) -> bytes:
    return json.dumps({"id": number, "jsonrpc": "2.0", **members}).encode()


def plain(answer: asyncio.Future[msgspec.Raw]) -> Any:
    """The call's result so far, as plain values."""
    return msgspec.json.decode(answer.result())


async def test_calls_are_numbered_from_one() -> None:
    session = Session()
    first, _ = session.request("database", "get_block", [7])
    second, _ = session.request("network_broadcast", "broadcast_transaction", [{}])
    assert json.loads(first) == {"id": 1, "method": "call", "params": ["database", "get_block", [7]]}
    assert json.loads(second)["id"] == 2


async def test_ids_stay_within_32_bits() -> None:
    session = Session()
    session._last_id = LARGEST_ID - 1
    frames = [session.request("database", "get_block", [7])[0] for _ in range(2)]
    assert [json.loads(frame)["id"] for frame in frames] == [2**32 - 1, 1]


@pytest.mark.parametrize("name", RECORDED)
async def test_recorded_reply_completes_its_call(name: str) -> None:
    session = Session()
    _, answer = session.request("database", "any", [])
    assert session.receive(reply(1, result=SAMPLES[name]["reply"]["result"])) is None
    assert plain(answer) == SAMPLES[name]["reply"]["result"]


async def test_replies_may_come_out_of_order() -> None:
    session = Session()
    answers = [session.request("database", "get_block", [number])[1] for number in (1, 2, 3)]
    for number in (3, 1, 2):
        session.receive(reply(number, result=number * 10))
    assert [plain(answer) for answer in answers] == [10, 20, 30]


async def test_error_refuses_only_its_call() -> None:
    session = Session()
    _, refused = session.request("network_broadcast", "broadcast_transaction", [])
    _, other = session.request("network_broadcast", "broadcast_transaction", [])
    error = ERRORS["account exists (in a block) via broadcast_transaction"]["error"]
    session.receive(reply(1, error=error))
    session.receive(reply(2, result=None))
    with pytest.raises(Refused) as caught:
        await refused
    assert caught.value.refusal.cause is Cause.NAME_TAKEN
    assert plain(other) is None


async def test_reply_with_neither_result_nor_error_fails_only_its_call() -> None:
    session = Session()
    _, odd = session.request("database", "get_block", [1])
    _, other = session.request("database", "get_block", [2])
    session.receive(reply(1))
    session.receive(reply(2, result="two"))
    with pytest.raises(BadReply, match="neither result nor error"):
        await odd
    assert plain(other) == "two"


async def test_late_reply_is_ignored() -> None:
    session = Session()
    _, given_up = session.request("database", "get_block", [1])
    given_up.cancel()
    session.receive(reply(1, result="in the same moment"))
    await asyncio.sleep(0)
    session.receive(reply(1, result="later"))
    session.receive(reply(99, result="never asked for"))
    assert given_up.cancelled()
    assert session._waiting == {}


async def test_second_reply_is_ignored() -> None:
    session = Session()
    _, answer = session.request("database", "get_block", [1])
    session.receive(reply(1, result="first"))
    session.receive(reply(1, error={"code": 1}))
    assert plain(answer) == "first"


def test_notice_gives_its_callback_id() -> None:
    assert [Session().receive(json.dumps(notice).encode()) for notice in SAMPLES["notices"]] == [7, 99, 7, 7]


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"no JSON",
        b'{"id": 1, "result": nu',
        b"\xff\xfe",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b'{"id": null, "result": 1}',
        b'{"id": "1", "result": 1}',
        b'{"id": true, "result": 1}',
        b'{"id": 1.5, "result": 1}',
        b'{"id": 1, "error": "text"}',
        b'{"id": 1, "error": {"message": "\xff"}}',
        b'{"id": 1, "error": ' + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}",
        b'{"id": 1\xff, "result": 1}',
        b'{"id": 1' + b"0" * 10_000 + b', "result": 1}',
        b'{"method": "\xff", "params": [1, []]}',
        b'{"method": "notice"}',
        b'{"method": "notice", "params": [1]}',
        b'{"method": "notice", "params": ["1", []]}',
        b'{"method": "notice", "params": [1, "block"]}',
        b'{"method": "call", "params": [1, []]}',
        pytest.param(b'{"id": 1, "result": ' + b"[" * 100_000, id="nested without end"),
    ],
)
async def test_other_frames_are_bad_replies_and_complete_nothing(frame: bytes) -> None:
    session = Session()
    _, answer = session.request("database", "get_block", [1])
    with pytest.raises(BadReply):
        session.receive(frame)
    assert not answer.done()


@pytest.mark.parametrize(
    ("result", "readable"),
    [
        (b'["\\ud800", "\\udc00.", "\\ud83d\\ude00", "\\\\ud800"]', ["\ufffd", "\ufffd.", "\U0001f600", "\\ud800"]),
        (b'["[", ' + b"[" * 100_000 + b'"]"' + b"]" * 100_000 + b", 7]", None),
        (b'[{"a":' + b'{"[": [' * 50_000 + b"]}" * 50_000 + b"}, 7]", None),
    ],
    ids=["surrogates", "lists", "objects"],
)
async def test_odd_result_is_readable_but_for_what_is_odd(result: bytes, readable: list[Any] | None) -> None:
    session = Session()
    _, answer = session.request("database", "get_block", [1])
    session.receive(b'{"id": 1, "result": ' + result + b"}")
    assert plain(answer) == readable if readable is not None else plain(answer)[-1] == 7


async def test_odd_result_of_any_call_but_a_blocks_is_a_bad_reply() -> None:
    session = Session()
    session.request("database", "get_block", [1])
    _, answer = session.request("database", "lookup_accounts", ["", 10])
    with pytest.raises(BadReply, match="other than JSON-RPC"):
        session.receive(b'{"id": 2, "result": [["\\ud800", "1.2.5"]]}')
    assert not answer.done()


@pytest.mark.parametrize("depth", [MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 5 * MAX_DEPTH])
def test_value_is_kept_down_to_the_depth_that_can_be_read(depth: int) -> None:
    kept = min(depth, MAX_DEPTH)
    inner = b'"]"' if depth == kept else b"null"
    text = b"[" * depth + b'"]"' + b"]" * depth
    assert make_readable(b"[7, " + text[1:]) == b"[7, " + b"[" * (kept - 1) + inner + b"]" * kept


async def test_frame_of_too_many_values_is_a_bad_reply() -> None:
    session = Session()
    _, answer = session.request("database", "get_block", [1])
    session.receive(b'{"id": 1, "result": [' + b"0," * (MAX_VALUES - 10) + b"0]}")
    assert len(plain(answer)) == MAX_VALUES - 9
    for values in (b"0,", b"[],", b"{},", b'{"a":[0]},'):
        with pytest.raises(BadReply, match="more values"):
            session.receive(b'{"id": 2, "result": [' + values * MAX_VALUES + b"0]}")


async def test_large_text_does_not_count_as_values() -> None:
    session = Session()
    _, answer = session.request("database", "get_block", [1])
    session.receive(b'{"id": 1, "result": "' + b"x" * 11_000_000 + b'"}')
    assert len(plain(answer)) == 11_000_000


async def test_oversized_error_refuses_its_call_unread() -> None:
    session = Session()
    _, refused = session.request("network_broadcast", "broadcast_transaction", [])
    session.receive(reply(1, error={"message": "x" * MAX_ERROR}))
    with pytest.raises(Refused, match=f"an error of {MAX_ERROR + 15} bytes"):
        await refused


@given(st.text().map(str.encode) | st.binary() | JSON_VALUES.map(lambda value: json.dumps(value).encode()))
@settings(deadline=None)
def test_any_frame_is_accepted_or_a_bad_reply(frame: bytes) -> None:
    with contextlib.suppress(BadReply):
        Session().receive(frame)


async def test_lost_session_leaves_every_outcome_unknown() -> None:
    session = Session()
    _, answered = session.request("database", "get_block", [1])
    waiting = [session.request("database", "get_block", [number])[1] for number in (2, 3)]
    session.receive(reply(1, result="in time"))
    session.lose("the cable was cut")
    assert plain(answered) == "in time"
    failures = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(failure) for failure in failures] == [OutcomeUnknown] * 2
    assert [str(failure) for failure in failures] == ["the cable was cut"] * 2
    assert failures[0] is not failures[1]


async def test_request_on_a_lost_session_raises_not_sent() -> None:
    session = Session()
    session.lose("the cable was cut")
    with pytest.raises(NotSent):
        session.request("database", "get_block", [1])


async def test_failure_of_an_abandoned_call_is_not_reported() -> None:
    reports: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, report: reports.append(report))
    session = Session()
    session.request("database", "get_block", [1])
    session.lose("the cable was cut")
    await asyncio.sleep(0)
    gc.collect()
    assert reports == []
