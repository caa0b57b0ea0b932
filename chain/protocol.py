"""JSON-RPC as a Graphene node speaks it, without the socket."""

import asyncio
from functools import partial
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from chain.errors import BadReply, NotSent, OutcomeUnknown, Refused
from chain.refusals import read_refusal
from chain.repair import make_readable

LARGEST_ID = 2**32 - 1  #: a node sends larger ones back as strings (measured)
#: Values in a frame. Decoded, the smallest take a hundred bytes each, so that a frame's bytes do not bound its memory;
#: a block full of account_create, 10.4 MB, has 700,000.
MAX_VALUES = 1_000_000
#: Bytes of an error that is read. It repeats the transaction that was refused, up to three times: 100 kB of
#: account_create, as large as transactions are on live chains, are 450 kB of JSON.
MAX_ERROR = 2_000_000
HOLDING_ANYTHING = frozenset({"get_block"})  #: calls whose results hold what anybody sent to the chain


class _Message(msgspec.Struct):
    """A frame from a node: a reply has an id and a result or an error, a notice its method and parameters.

    Members stay raw JSON: the caller knows what type to decode them as.
    """

    id: int | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: tuple[int, list[Raw]] | UnsetType = UNSET


_decode = msgspec.json.Decoder(_Message).decode
_encode = msgspec.json.Encoder().encode
_decode_error = msgspec.json.Decoder(dict[str, Any]).decode

PendingReply = asyncio.Future[Raw]


class Session:
    """The pending calls of one connection. Replies may come in any order."""

    def __init__(self) -> None:
        self._last_id = 0
        self._waiting: dict[int, PendingReply] = {}
        self._may_be_odd: set[int] = set()  # the calls of HOLDING_ANYTHING among them
        self._lost = False

    def request(self, api: str, method: str, arguments: list[Any]) -> tuple[bytes, PendingReply]:
        """The frame to send for a call, and the future of its result's JSON.

        The future raises Refused if the node answers with an error, BadReply if with neither result nor error,
        OutcomeUnknown if the session is lost before. A caller that gives up cancels it. Raises NotSent once
        the session is lost.
        """
        if self._lost:
            raise NotSent("the connection was lost")
        self._last_id = self._last_id % LARGEST_ID + 1
        reply = asyncio.get_running_loop().create_future()
        reply.add_done_callback(partial(self._discard, self._last_id))
        self._waiting[self._last_id] = reply
        if method in HOLDING_ANYTHING:
            self._may_be_odd.add(self._last_id)
        message = {"id": self._last_id, "method": "call", "params": [api, method, arguments]}
        return _encode(message), reply

    def receive(self, frame: bytes) -> int | None:
        """Take a frame: the callback id if it is a notice; None if it is a reply, which completes its call.

        A reply to an abandoned call is ignored. Raises BadReply for any other frame: such a connection can't be
        trusted with the other replies.
        """
        try:
            message = _read(frame)
        except BadReply:
            if not self._may_be_odd:
                raise
            message = self._read_odd(frame)
        if message.method == "notice" and message.params is not UNSET:
            return message.params[0]
        if message.id is UNSET:
            raise BadReply("the node sent neither a reply nor a notice")
        reply = self._waiting.get(message.id)
        if reply is not None and not reply.done():
            _complete(reply, message)
        return None

    def lose(self, reason: str) -> None:
        """Fail every call that waits with OutcomeUnknown, for `reason`; no other can be made."""
        self._lost = True
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(OutcomeUnknown(reason))

    def _read_odd(self, frame: bytes) -> _Message:
        """The reply in a frame that the decoder refuses, as odd operations make it. Raises BadReply for any other."""
        message = _read(make_readable(frame))
        if message.id not in self._may_be_odd or message.result is UNSET:
            text = "it is nested too deeply, or has half a surrogate pair"
            raise BadReply(f"the node sent something other than JSON-RPC: {text}")
        return message

    def _discard(self, number: int, reply: PendingReply) -> None:
        del self._waiting[number]
        self._may_be_odd.discard(number)
        if not reply.cancelled():
            # The waiter may just have been cancelled; retrieving the exception keeps asyncio from reporting it.
            reply.exception()


def _read(frame: bytes) -> _Message:
    if len(frame) > MAX_VALUES and sum(map(frame.count, (b",", b"[", b"{"))) > MAX_VALUES:
        raise BadReply("the node sent more values in a frame than any block holds")
    try:
        return _decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(f"the node sent something other than JSON-RPC: {error}") from error


def _read_error(raw: Raw) -> dict[str, Any]:
    size = memoryview(raw).nbytes
    if size > MAX_ERROR:
        return {"message": f"an error of {size} bytes"}
    try:
        return _decode_error(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadReply(f"the node sent an error in another form: {error}") from error


def _complete(reply: PendingReply, message: _Message) -> None:
    if message.error is not UNSET:
        reply.set_exception(Refused(read_refusal(_read_error(message.error))))
    elif message.result is not UNSET:
        reply.set_result(message.result)
    else:
        reply.set_exception(BadReply("the node sent a reply with neither result nor error"))
