"""Translates the dev chain's errors into those of BitShares, as recorded on a running node: see tests/data."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chain.keys import InvalidKeyError, base58_decode
from devchain.errors import ASSERTION, Frame, NodeError

METHOD_NOT_FOUND = -32601  #: error.code of an unknown method (JSON-RPC 2.0); elsewhere it repeats data.code
OPERATIONS = 78  #: kinds of operations that there are
LOOKUP_LIMIT = 1000  #: names in one reply, as a node is configured by default

#: Errors with a name of their own have another number.
_CODES = {
    "tx_missing_active_auth": 4010001,
    "tx_irrelevant_sig": 4010004,
    "tx_duplicate_sig": 4010005,
    "insufficient_fee": 4010007,
}
#: Beginnings of assertion texts on Peerplays, and what replaces them; the rest of the text stays.
_TEXTS = {
    "current_account_itr == acnt_indx.indices().get<by_name>().end(): ": (
        "current_account_itr == acnt_indx.indices().get<by_name>().end(): Account '${a}' already exists."
    ),
    "itr->get_balance()": "abo->get_balance()",
    "trx.ref_block_prefix == tapos_block_summary.block_id._hash[1]: ": (
        "trx.ref_block_prefix == tapos_block_summary.block_id._hash[1].value(): "
    ),
    "fc::raw::pack_size( trx ) <= ": "head_block_time() <= HARDFORK_CORE_1573_TIME || trx.get_packed_size() <= ",
    "maybe_found != nullptr: Unable to find Object": "maybe_found != nullptr: Unable to find Object ${id}",
    "!owner.is_impossible(): cannot create an account with an imposible": (
        "!owner.is_impossible(): cannot create an account with an impossible"
    ),
    "!active.is_impossible(): cannot create an account with an imposible": (
        "!active.is_impossible(): cannot create an account with an impossible"
    ),
    "w < count(): ": (
        "static_cast<size_t>(tag) < count(): Unable to set tag '${tag}' when the number of supported tags is ${count}"
    ),
    "a0 != e: ": "a0 != e || optional_args: ",
    "limit <= 1000: ": "limit <= configured_limit: limit can not be greater than ${configured_limit}",
}


def as_bitshares(error: NodeError, prefix: str) -> dict[str, Any]:
    """The member `error` of a BitShares node's reply, whose public keys begin with `prefix`."""
    translated = _translate(error, prefix)
    if translated.name == "method_not_found_exception":
        return {"code": METHOD_NOT_FOUND, "message": "Method not found", "data": translated.data}
    return {"code": translated.code, "message": f"Execution error: {translated.sentence}", "data": translated.data}


def _translate(error: NodeError, prefix: str) -> NodeError:
    first, *rest = error.frames
    if error.name == "out_of_range_exception":
        return _unreadable_key(error.subject, prefix)
    if first.text.startswith("itr != _by_name.end()"):
        frame = Frame("call", "api_connection.hpp", "No method with name '${name}'", first.data)
        return NodeError(22, "method_not_found_exception", "Method Not Found", frame)
    if first.text.startswith("trx_idx."):
        frame = replace(first, text="Transaction '${txid}' is already in the database", data={"txid": error.subject})
        return NodeError(3030001, "duplicate_transaction", "duplicate transaction", frame, *rest)
    if error.subject == "voting_account":
        text = "db.find(options.voting_account): Invalid proxy account specified."
        return _assertion(Frame("verify_account_votes", "account_evaluator.cpp", text), *rest)
    if error.name == "parse_error_exception" and "." not in rest[-1].data["var"]:
        text = "first_dot != std::string::npos: Missing the first dot"
        return _assertion(replace(rest[-1], text=text, data={}), rest[-1])
    return NodeError(
        _CODES.get(error.name, error.code), error.name, error.what, _first(first, error.subject), *_shortened(rest)
    )


def _assertion(*frames: Frame) -> NodeError:
    return NodeError(ASSERTION, "assert_exception", "Assert Exception", *frames)


def _first(frame: Frame, subject: str) -> Frame:
    """The first frame, with the text of BitShares."""
    beginning = next((start for start in _TEXTS if frame.text.startswith(start)), None)
    if beginning is None:
        return frame
    text = _TEXTS[beginning] + frame.text.removeprefix(beginning)
    return replace(frame, text=text, data={**frame.data, **_data(text, subject)})


def _data(text: str, subject: str) -> Mapping[str, Any]:
    """Values for the placeholders of `text` that Peerplays does not have."""
    known: dict[str, dict[str, Any]] = {
        "${a}' already": {"a": subject},
        "${tag}": {"tag": subject, "count": OPERATIONS},
        "${configured_limit}": {"configured_limit": LOOKUP_LIMIT},
    }
    return next((data for place, data in known.items() if place in text), {})


def _shortened(frames: list[Frame]) -> list[Frame]:
    """Signatures are looked at before the transaction is pushed."""
    return frames[:1] if frames and frames[0].method == "get_signature_keys" else frames


def _unreadable_key(text: str, prefix: str) -> NodeError:
    """The first check of a public key that fails (types.cpp)."""
    frame = Frame("public_key_type", "types.cpp")
    if len(text) <= len(prefix):
        return _assertion(replace(frame, text="base58str.size() > prefix_len: "))
    if not text.startswith(prefix):
        foreign = "base58str.substr( 0, prefix_len ) == prefix: "
        return _assertion(replace(frame, text=foreign, data={"base58str": text}))
    digits = text.removeprefix(prefix)
    try:
        base58_decode(digits)
    except InvalidKeyError:
        sentence = "Unable to decode base58 string ${base58_str}"
        decoding = Frame("from_base58", "base58.cpp", sentence, {"base58_str": digits})
        return NodeError(4, "parse_error_exception", "Parse Error", decoding)
    hashed = "fc::ripemd160::hash( (char*) key_data.data(), key_data.size() )._hash[0].value() == bin_key.check: "
    return _assertion(replace(frame, text=hashed))
