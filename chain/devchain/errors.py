"""A node's errors, in a node's shape."""

from typing import Any

ASSERTION = 10


class NodeError(Exception):
    """A call that a node would refuse; `payload` is the member `error` of its reply."""

    def __init__(self, code: int, name: str, message: str, frames: list[dict[str, Any]]) -> None:
        text = frames[0]["format"] if frames else ""
        super().__init__(text)
        data = {"code": code, "name": name, "message": message, "stack": frames}
        self.payload: dict[str, Any] = {"code": 1, "message": f"{message}: {text}", "data": data}

    def within(self, method: str, **data: Any) -> "NodeError":
        """The same error with one more frame, of the function that called the one which failed."""
        self.payload["data"]["stack"].append(frame(method, "db_block.cpp", "", data))
        return self


def frame(method: str, file: str, text: str, data: dict[str, Any]) -> dict[str, Any]:
    """A stack frame as it goes over the wire."""
    context = {
        "level": "error",
        "file": file,
        "line": 1,
        "method": method,
        "hostname": "",
        "thread_name": "th_a",
        "timestamp": "2026-01-01T00:00:00",
    }
    return {"context": context, "format": text, "data": data}


def assertion(text: str, *, method: str = "do_evaluate", file: str = "db_block.cpp", **data: Any) -> NodeError:
    """A failed assertion; `text` is its source text, which is all that tells one from another."""
    return NodeError(ASSERTION, "assert_exception", "Assert Exception", [frame(method, file, text, data)])


def missing_authority(account: dict[str, Any]) -> NodeError:
    """No signature of the account's active key."""
    data = {"id": account["id"], "auth": account["active"], "owner": account["owner"]}
    text = "Missing Active Authority ${id}"
    frames = [frame("verify_authority", "transaction.cpp", text, data)]
    return NodeError(3030001, "tx_missing_active_auth", "missing required active authority", frames)


def irrelevant_signature() -> NodeError:
    """A signature that no authority needs."""
    frames = [frame("verify_authority", "transaction.cpp", "Unnecessary signature(s) detected", {})]
    return NodeError(3030004, "tx_irrelevant_sig", "irrelevant signature included", frames)


def duplicate_signature() -> NodeError:
    """The same key has signed twice."""
    frames = [frame("get_signature_keys", "transaction.cpp", "Duplicate Signature detected", {})]
    return NodeError(3030005, "tx_duplicate_sig", "duplicate signature included", frames)


def bad_signature(text: str) -> NodeError:
    """A signature from which no key can be recovered."""
    if "canonical" in text:
        return assertion("is_canonical( c ): signature is not canonical", method="public_key")
    frames = [frame("public_key", "elliptic_secp256k1.cpp", text, {})]
    return NodeError(0, "exception", "unspecified", frames)


def insufficient_fee(paid: int, required: int) -> NodeError:
    """Less was paid than the operation costs."""
    data = {"core_fee_paid": paid, "required": required}
    frames = [frame("evaluate", "evaluator.hpp", "Insufficient Fee Paid", data)]
    return NodeError(3030007, "insufficient_fee", "insufficient fee", frames)


def unreadable_key() -> NodeError:
    """A public key that can't be decoded."""
    text = "${method} datastream of length ${len} over by ${over}"
    data = {"method": "read", "len": 6, "over": -5}
    frames = [frame("throw_datastream_range_error", "datastream.cpp", text, data)]
    return NodeError(8, "out_of_range_exception", "Out of Range", frames)


def bad_cast(kind: str) -> NodeError:
    """An argument of another type than the method takes."""
    frames = [frame("get_array", "variant.cpp", "Invalid cast from ${type}", {"type": kind})]
    return NodeError(7, "bad_cast_exception", "Bad Cast", frames)
