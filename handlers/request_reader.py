"""Reads each request under the bounds and checks that hold for all, then hands it to the delegate that is routed to."""

import asyncio
import sys
from collections.abc import Awaitable, Mapping
from http.client import responses

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.routing import Router

from handlers.base import AppContext
from handlers.bounds import crowd_error, exposure_in, refuse
from handlers.http.paths import PLAIN, has_control_characters, plain_target, split_absolute
from handlers.http.stream import ClientStream
from handlers.request import Request
from jobs.errors import Code, FaucetError
from jobs.signup import MAX_BODY

BODY_TIMEOUT = 30.0  #: seconds that a request's body may take
MAX_DIGITS = 18  #: of a Content-Length: int() refuses some thousands, and sys.maxsize has 19


class ReadRequest(Request):
    """A request that Tornado reads."""

    def __init__(
        self,
        context: AppContext,
        server: object,
        connection: HTTP1Connection,
        line: RequestStartLine,
        headers: HTTPHeaders,
    ) -> None:
        """Raises HTTPInputError for headers that HTTP forbids."""
        _check_host(line, headers)
        remote_ip = str(connection.context.remote_ip)  # type: ignore[attr-defined]  # Tornado declares an object
        super().__init__(context, line.method, line.path, headers, remote_ip)
        self.start_line = line
        self.http_headers = headers
        self._server = server
        self._connection = connection

    def to_tornado(self) -> HTTPServerRequest:
        """The request as Tornado's application takes it. Raises HTTPInputError for one that HTTP forbids."""
        try:
            return HTTPServerRequest(
                connection=self._connection,
                server_connection=self._server,
                start_line=self.start_line,
                headers=self.http_headers,
            )
        except ValueError:  # such as a host's port of more digits than int() takes
            raise HTTPInputError("a header can't be parsed") from None

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        line = ResponseStartLine("HTTP/1.1", status, responses[status])
        self._connection.write_headers(line, HTTPHeaders(headers), None if self.method == "HEAD" else body)
        self._connection.finish()


def _check_host(line: RequestStartLine, headers: HTTPHeaders) -> None:
    """Raise HTTPInputError without a single Host, which only HTTP/1.0 may lack (RFC 9112, 3.2)."""
    host = headers.get("Host")
    if "," in host if host is not None else line.version != "HTTP/1.0":
        raise HTTPInputError("There must be one header Host.")


class RequestReader(HTTPMessageDelegate):
    """Reads one request."""

    def __init__(self, router: Router, context: AppContext, server: object, connection: HTTP1Connection) -> None:
        self._router = router
        self._context = context
        self._server = server
        self._connection = connection
        assert isinstance(connection.stream, ClientStream)  # noqa: S101  # `Server` makes no other; for the types
        self._stream = connection.stream
        context.connections.wait(self._stream)
        self._request: ReadRequest | None = None  # until its headers were read
        self._delegate: HTTPMessageDelegate | None = None  # until it was read whole
        self._body = bytearray()  # one byte more than is accepted says that it was too large
        self._timer: asyncio.TimerHandle | None = None

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Begin the request. Raises HTTPInputError for headers that HTTP forbids."""
        assert isinstance(start_line, RequestStartLine)  # noqa: S101  # a server receives no other; for the types
        self._stream.end_head()
        line = _normalize(start_line, headers)
        self._request = request = ReadRequest(self._context, self._server, self._connection, line, headers)
        # Tornado closes the connection on a body above its own limit, and its client sees no reply.
        self._connection.set_max_body_size(sys.maxsize)
        if "Content-Length" in headers or "Transfer-Encoding" in headers:
            # Tornado's own timeout makes a task for each body.
            self._timer = asyncio.get_running_loop().call_later(BODY_TIMEOUT, self._connection.stream.close)
        if (error := _error_of_head(request) or crowd_error(request, self._stream)) is not None:
            self._refuse(request, self._exposure(request) or error)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Collect the body. The excess is read and dropped, so that the client gets to read the reply."""
        self._body += chunk[: MAX_BODY + 1 - len(self._body)]
        return None

    def finish(self) -> None:
        """The request is complete."""
        assert self._request is not None  # noqa: S101  # headers come first; for the types
        self._stop_timer()
        self._context.connections.answer(self._stream)
        if (error := self._exposure(self._request)) is not None:
            self._refuse(self._request, error)
        else:
            self._route(self._request)

    def on_connection_close(self) -> None:
        """The client has disconnected."""
        self._stop_timer()
        if self._request is not None:
            self._request.abandon()
        if self._delegate is not None:
            self._delegate.on_connection_close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _exposure(self, request: Request) -> FaucetError | None:
        return exposure_in(request, bytes(self._body))

    def _refuse(self, request: Request, error: FaucetError) -> None:
        self._stop_timer()
        refuse(request, error)

    def _route(self, request: ReadRequest) -> None:
        """Give the whole request to the delegate that the router finds."""
        # Once a request is read, Tornado reports a disconnect to this callback only.
        self._connection.set_close_callback(self.on_connection_close)
        self._delegate = delegate = self._router.find_handler(request)  # type: ignore[arg-type]  # what its rules match
        assert delegate is not None  # noqa: S101  # the last rule matches every request; for the types
        delegate.headers_received(request.start_line, request.http_headers)
        if not request.is_signup:
            request.leave()  # its handler has entered, and sets a callback of its own
        delegate.data_received(bytes(self._body))
        delegate.finish()


def _normalize(line: RequestStartLine, headers: HTTPHeaders) -> RequestStartLine:
    """`line` with the canonical spelling of its target; changes `headers` to match."""
    if "Expect" in headers:
        headers["Expect"] = headers["Expect"].lower()  # RFC 9110, 10.1.1; Tornado compares case-sensitively
    if line.path in PLAIN:
        return line
    host, target = split_absolute(line.path)
    if host is not None:
        headers["Host"] = host  # RFC 9112, 3.2.2
    return line._replace(path=plain_target(target))


def _error_of_head(request: Request) -> FaucetError | None:
    """Why the body need not be sent at all."""
    if has_control_characters(request.path):
        return FaucetError(Code.BAD_REQUEST, "The address holds control characters.")
    length = request.headers.get("Content-Length", "0")
    if not length.isdecimal() or len(length) > MAX_DIGITS:
        return FaucetError(Code.BAD_REQUEST, "The header Content-Length is not a number of bytes.")
    if int(length) > MAX_BODY and "Expect" in request.headers:
        # RFC 9110, 10.1.1: the client waits for permission to send, so nothing is on its way yet.
        return FaucetError(Code.TOO_LARGE, f"The request is larger than {MAX_BODY} bytes.")
    return None
