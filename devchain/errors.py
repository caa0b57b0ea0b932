"""A node's errors, in a node's shape: measured on a running one, kept in tests/data/node-errors.json.

They are those of Peerplays; devchain/bitshares.py says the same in the words of BitShares.
"""

from dataclasses import dataclass, field
from string import Template
from typing import Any

ASSERTION = 10
BINARY_KEY = "graphene::chain::public_key_type::binary_key"
LEVEL = {"level": "error", "line": 1, "hostname": "", "thread_name": "th_a", "timestamp": "1970-01-01T00:00:00"}


@dataclass(frozen=True, slots=True)
class Frame:
    """A function that the error went through: its text with ${places}, and what belongs there."""

    method: str
    file: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The text with its places filled in."""
        return Template(self.text).safe_substitute(self.data)

    def to_json(self) -> dict[str, Any]:
        """The frame as a node sends it."""
        return {"context": {**LEVEL, "file": self.file, "method": self.method}, "format": self.text, "data": self.data}


class NodeError(Exception):
    """A call that a node would refuse."""

    def __init__(self, code: int, name: str, what: str, *frames: Frame) -> None:
        super().__init__(what, frames[0].text)
        self.code = code
        self.name = name
        self.what = what
        self.frames = list(frames)
        self.subject = ""  #: what it is about, where only some chains say so

    def through(self, *frames: Frame) -> "NodeError":
        """The same error, which went on through the functions of `frames`."""
        self.frames.extend(frames)
        return self

    def about(self, subject: str) -> "NodeError":
        """The same error, which is about `subject`."""
        self.subject = subject
        return self

    @property
    def sentence(self) -> str:
        """What went wrong, in words."""
        return f"{self.what}: {' '.join(frame.sentence for frame in self.frames if frame.text)}"

    @property
    def data(self) -> dict[str, Any]:
        """The member `data` of the error."""
        stack = [frame.to_json() for frame in self.frames]
        return {"code": self.code, "name": self.name, "message": self.what, "stack": stack}

    @property
    def payload(self) -> dict[str, Any]:
        """The member `error` of the reply. `code` is always 1; `data.code` tells some errors apart."""
        return {"code": 1, "message": self.sentence, "data": self.data}


def assertion(text: str, method: str, file: str, **data: Any) -> NodeError:
    """A failed assertion; `text` is its source text, which is all that tells one from another."""
    return NodeError(ASSERTION, "assert_exception", "Assert Exception", Frame(method, file, text, data))


def unknown_object(object_id: str) -> NodeError:
    """An object that the chain does not have."""
    return assertion("maybe_found != nullptr: Unable to find Object", "get", "index.hpp", id=object_id)


def missing_authority(account: dict[str, Any]) -> NodeError:
    """Too few signatures for an account that pays."""
    data = {"id": account["id"], "auth": account["active"], "owner": account["owner"]}
    frame = Frame("verify_authority", "transaction.cpp", "Missing Active Authority ${id}", data)
    return NodeError(3030001, "tx_missing_active_auth", "missing required active authority", frame)


def irrelevant_signature() -> NodeError:
    """A signature that no authority needs."""
    frame = Frame("verify_authority", "transaction.cpp", "Unnecessary signature(s) detected")
    return NodeError(3030004, "tx_irrelevant_sig", "irrelevant signature included", frame)


def duplicate_signature() -> NodeError:
    """The same key has signed twice."""
    frame = Frame("get_signature_keys", "transaction.cpp", "Duplicate Signature detected")
    return NodeError(3030005, "tx_duplicate_sig", "duplicate signature included", frame)


def not_canonical() -> NodeError:
    """A signature in a form that the chain does not take."""
    return assertion("is_canonical( c ): signature is not canonical", "public_key", "elliptic_secp256k1.cpp")


def not_recoverable() -> NodeError:
    """A signature that no key can have made."""
    text = "unable to reconstruct public key from signature"
    return NodeError(0, "exception", "unspecified", Frame("public_key", "elliptic_secp256k1.cpp", text))


def insufficient_fee(paid: int, required: int) -> NodeError:
    """Less was paid than the operation costs."""
    data = {"core_fee_paid": paid, "required": required}
    frame = Frame("evaluate", "evaluator.hpp", "Insufficient Fee Paid", data)
    return NodeError(3030007, "insufficient_fee", "insufficient fee", frame)


def authority_too_large() -> NodeError:
    """More keys and accounts in an authority than the chain allows (exceptions.hpp)."""
    frame = Frame("verify_authority_accounts", "account_evaluator.cpp", "Maximum authority membership exceeded")
    return NodeError(3050501, "account_create_max_auth_exceeded", "Exceeds max authority fan-out", frame)


def unknown_authority(account_id: str) -> NodeError:
    """An authority that names an account which does not exist (exceptions.hpp)."""
    text = "Account ${a} specified in authority does not exist"
    frame = Frame("verify_authority_accounts", "account_evaluator.cpp", text, {"a": account_id})
    return NodeError(3050502, "account_create_auth_account_not_found", "Auth account not found", frame)


def unreadable_key() -> NodeError:
    """A public key that can't be decoded."""
    data = {"method": "read", "len": 6, "over": -5}
    text = "${method} datastream of length ${len} over by ${over}"
    binary_key = Frame("unpack", "raw.hpp", "error unpacking ${type}", {"type": BINARY_KEY})
    return NodeError(
        8,
        "out_of_range_exception",
        "Out of Range",
        Frame("throw_datastream_range_error", "datastream.cpp", text, data),
        Frame("unpack", "raw.hpp", "fc::array<type,length>", {"type": "char", "length": 33}),
        Frame("operator()", "raw.hpp", "Error unpacking field ${field}", {"field": "data"}),
        binary_key,
        binary_key,
    )


def unreadable_time() -> NodeError:
    """A time that is not written as the chain writes it."""
    what = "bad lexical cast: source type value could not be interpreted as target"
    text = "${what}: unable to convert ISO-formatted string to fc::time_point_sec"
    name = "N5boost10wrapexceptINS_16bad_lexical_castEEE"
    return NodeError(13, name, what, Frame("from_iso_string", "time.cpp", text, {"what": what}))


def unreadable_id(text: str) -> NodeError:
    """An object id that is not three numbers with dots between them."""
    return NodeError(
        4,
        "parse_error_exception",
        "Parse Error",
        Frame("to_uint64", "string.cpp", "Couldn't parse uint64_t"),
        Frame("to_uint64", "string.cpp", "", {"i": text}),
        Frame("from_variant", "object_id.hpp", "", {"var": text}),
    )


def bad_cast(kind: str, wanted: str) -> NodeError:
    """A value of the type `kind` where another is needed."""
    text = f"Invalid cast from ${{type}} to {wanted}"
    return NodeError(7, "bad_cast_exception", "Bad Cast", Frame("get_array", "variant.cpp", text, {"type": kind}))


def unknown_method(name: str) -> NodeError:
    """A method that this API does not have."""
    text = "itr != _by_name.end(): no method with name '${name}'"
    return assertion(text, "call", "api_connection.hpp", name=name)


def unknown_api() -> NodeError:
    """An API number that was never given out."""
    return assertion("_local_apis.size() > api_id: ", "receive_call", "api_connection.hpp")


def too_few_arguments() -> NodeError:
    """A call with fewer arguments than the method has."""
    return assertion("a0 != e: too few arguments passed to method", "call_generic", "api_connection.hpp")


def malformed_call() -> NodeError:
    """A call that is not [API, method, [arguments]]."""
    return assertion("args.size() == 3 && args[2].is_array(): ", "operator()", "websocket_api.cpp")
