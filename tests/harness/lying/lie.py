"""The lie: a step between the relay's client and the node, which may change, invent or withhold a reply."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from websockets.http11 import Response

#: Calls that hand over a transaction: the last argument.
BROADCASTS = frozenset(
    {"broadcast_transaction", "broadcast_transaction_with_callback", "broadcast_transaction_synchronous"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """A call, as a client or a lie makes it."""

    api: str  #: its name, even where the client gave a number
    method: str
    arguments: list[Any]
    wire_api: int | str = 0  #: as the client gave it
    id: Any = None  #: as the client gave it; None for the calls of a lie


#: Makes a call and returns the result. Raises Refusal where the answer is an error.
Ask = Callable[[Request], Awaitable[Any]]


class Refusal(Exception):
    """The answer is this error."""

    def __init__(self, error: Any) -> None:
        super().__init__(str(error)[:200])
        self.error = error


class Silence(Exception):
    """The call gets no answer."""


class HangUp(Exception):
    """The connection is dropped instead of an answer."""


class RawFrame(Exception):
    """This text is sent instead of an answer."""

    def __init__(self, text: str) -> None:
        super().__init__(text[:200])
        self.text = text


class Json(str):
    """A result as JSON text, for what no encoder would write."""

    __slots__ = ()


class Lie:
    """One untruth; the subclasses are frozen dataclasses, and override what they need.

    Several lies are stacked: each is told what those before it made of the truth. Those that garble come last,
    since the others could not read them.
    """

    methods: ClassVar[frozenset[str]] = frozenset()  #: the calls that it is about; all, where there are none
    garbles: ClassVar[bool] = False  #: whether what it says may have another form than the truth

    def concerns(self, request: Request, /) -> bool:
        """Whether `serve` is to answer this call."""
        return not self.methods or request.method in self.methods

    async def serve(self, request: Request, ask: Ask, /) -> Any:
        """The result for the client; `ask` reaches the node through the lies before this one.

        Raises Refusal, Silence, HangUp or RawFrame for another kind of answer.
        """
        return self.change(request, await ask(request))

    def change(self, _request: Request, result: Any, /) -> Any:
        """The result for the client, made of the one that it would have had, which may be edited in place."""
        return result

    def notice(self, params: Any, /) -> Any:
        """What to send instead of the notice with these `params`; None to keep it back."""
        return params

    def flood(self, _request: Request, /) -> Iterable[str]:
        """Frames to send beside the reply, for as long as the lie is on."""
        return ()

    def handshake(self, _path: str, /) -> Response | None:
        """The response to a client's handshake, instead of opening the websocket."""
        return None


class ObjectLie(Lie):
    """Edits every object of one kind, in the reply to any call."""

    member: ClassVar[str]  #: which the objects of that kind have, and no other

    def change(self, _request: Request, result: Any, /) -> Any:
        for found in objects_with(result, self.member):
            self.edit(found)
        return result

    def edit(self, found: dict[str, Any], /) -> None:
        """Change the object in place."""
        raise NotImplementedError


def objects_with(value: Any, member: str) -> list[dict[str, Any]]:
    """Every object in `value` that has `member`, at any depth."""
    return [found for found in _objects(value) if member in found]


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)


def database(method: str, *arguments: Any) -> Request:
    """A call of a lie's own, to learn the truth."""
    return Request("database", method, list(arguments))
