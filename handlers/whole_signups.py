"""Takes signups that come whole in one piece of a connection, past Tornado: its way there costs more than all the rest.

Nearly all do. Whatever is not plain is left to Tornado, and answered in the same words by the same endpoint.
"""

from collections.abc import Mapping

from handlers.api.signups import SignupEndpoint
from handlers.base import AppContext
from handlers.bounds import crowd_error, exposure_in, refuse
from handlers.http.head import PlainSignup, plain_signup
from handlers.http.headers import reply_bytes
from handlers.http.stream import ClientStream
from handlers.request import Request
from jobs.errors import FaucetError


class WholeRequest(Request):
    """A signup that a connection carries by itself: nothing else is read there before the reply."""

    def __init__(self, context: AppContext, stream: ClientStream, remote_ip: str, signup: PlainSignup) -> None:
        super().__init__(context, "POST", signup.target, signup.headers, remote_ip)
        self._stream = stream
        self._is_last = signup.is_last

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        closing = {"Connection": "close"} if self._is_last else {}
        self._stream.reply(reply_bytes(status, {**headers, **closing}, body), is_last=self._is_last)
        if not self._is_last:
            self.context.connections.wait(self._stream)


class WholeSignups:
    """Answers them."""

    def __init__(self, context: AppContext) -> None:
        self._context = context

    def take(self, stream: ClientStream, remote_ip: str, data: bytes) -> bool:
        """Answer the signup that `data`, the first that came since the last reply, is; False if it is none."""
        signup = plain_signup(data)
        if signup is None:
            return False
        request = WholeRequest(self._context, stream, remote_ip, signup)
        self._context.connections.answer(stream)
        endpoint = SignupEndpoint(request)
        stream.begin(lambda: _abandon(request, endpoint))
        if (error := _refusal(request, stream, signup.body)) is not None:
            refuse(request, error)
        else:
            endpoint.data_received(signup.body)
            endpoint.finish()
        return True


def _refusal(request: Request, stream: ClientStream, body: bytes) -> FaucetError | None:
    crowded = crowd_error(request, stream)
    return exposure_in(request, body) or crowded


def _abandon(request: Request, endpoint: SignupEndpoint) -> None:
    """The client has closed the connection."""
    request.abandon()
    endpoint.on_connection_close()
