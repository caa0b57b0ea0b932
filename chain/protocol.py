"""JSON-RPC as a Graphene node speaks it, without the socket."""

import asyncio
from itertools import count
from typing import Any

import msgspec

from chain.errors import BadReply, LinkError, Refused
from chain.refusals import read_refusal

#: Ids above this come back as strings (measured).
LARGEST_ID = 2**32

_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class Session:
    """The calls that wait for an answer on one connection."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    def request(self, api: str, method: str, arguments: list[Any]) -> tuple[str, asyncio.Future[Any]]:
        """The text to send for a call, and the future of its result.

        The future raises Refused if the node answers with an error, BadReply if with neither result nor error.
        """
        number = next(self._ids) % LARGEST_ID
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        answer.add_done_callback(lambda _: self._waiting.pop(number, None))
        message = {"id": number, "method": "call", "params": [api, method, arguments]}
        return _encode(message).decode(), answer

    def receive(self, text: str | bytes) -> list[Any] | None:
        """Take a frame: a reply completes its call, a notice is returned as [callback id, value].

        A reply to a call that nobody waits for any more is passed over. Raises BadReply for anything else.
        """
        try:
            message = _decode(text)
        except msgspec.DecodeError as error:
            raise BadReply("the node sent a frame that is not JSON") from error
        if not isinstance(message, dict):
            raise BadReply("the node sent a frame that is no object")
        if message.get("method") == "notice":
            return _notice(message)
        if not isinstance(message.get("id"), int):
            raise BadReply("the node sent a reply without a number")
        self._complete(message)
        return None

    def lose(self, error: LinkError) -> None:
        """Fail every call that waits with `error`: the connection is gone."""
        for answer in list(self._waiting.values()):
            if not answer.done():
                answer.set_exception(error)

    def _complete(self, message: dict[str, Any]) -> None:
        answer = self._waiting.get(message["id"])
        if answer is None or answer.done():
            return
        if "error" in message:
            answer.set_exception(Refused(read_refusal(message["error"])))
        elif "result" in message:
            answer.set_result(message["result"])
        else:
            answer.set_exception(BadReply("the node sent a reply with neither result nor error"))


def _notice(message: dict[str, Any]) -> list[Any]:
    parameters = message.get("params")
    if not isinstance(parameters, list) or len(parameters) != 2:
        raise BadReply("the node sent a notice without an id and a value")
    return parameters
