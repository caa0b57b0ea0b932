"""The way in: each request is read here, and a plain signup is answered here too; all others by the application.

A crowd sends plain signups, and half of what one costs in a request handler is the handler.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache
from http.client import responses
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
    format_timestamp,
)
from tornado.web import Application

from handlers.api.accounts import SignupHandler, limits_of, rules_of
from handlers.base import AppContext, Handler, encode_json, log_request
from handlers.http.errors import STATUS, error_body, error_headers, refusal_status
from handlers.http.headers import JSON, base_headers, cors_headers, request_id_of
from handlers.http.paths import PLAIN, is_signup, plain_target, split_absolute
from handlers.render import job_url, signup_json
from jobs.errors import Code, FaucetError
from jobs.model.job import Job
from jobs.signup import MAX_BODY, exposure, has_referrer_by_id, is_test_name, parse_signup

BODY_TIMEOUT = 30.0  #: seconds that a request's body may take
ADMIN = "/admin"  #: whose forms hold passwords, which may look like anything

#: Headers by which a signup asks for more than to be accepted, or for what is not told by its length.
_NOT_PLAIN = ("Prefer", "Expect", "Content-Encoding", "Transfer-Encoding")


class SignupRouter(HTTPServerConnectionDelegate):
    """Takes every request."""

    def __init__(self, application: Application, context: AppContext) -> None:
        self.application = application
        self.context = context

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """What takes a request on this connection."""
        assert isinstance(request_conn, HTTP1Connection)  # noqa: S101  # Tornado serves no other; for the types
        return SignupEndpoint(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """A connection has ended."""
        self.application.on_close(server_conn)


class SignupEndpoint(HTTPMessageDelegate):
    """One request and its reply."""

    def __init__(self, entrance: SignupRouter, server: object, connection: HTTP1Connection) -> None:
        self._entrance = entrance
        self._context = entrance.context
        self._server = server
        self._connection = connection
        self._delegate: HTTPMessageDelegate | None = None  # the application's, where the request is left to it
        self._body = bytearray()  # of the request; one byte more than is taken says that it was too large
        self._late: asyncio.TimerHandle | None = None
        self._gone = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Begin the request."""
        assert isinstance(start_line, RequestStartLine)  # noqa: S101  # a server receives no other; for the types
        self._began = self._context.clock()  # not before: a connection may rest for long between two requests
        self._start_line, self._headers = _plainly(start_line, headers), headers
        self._context.in_flight.enter(self)
        # Tornado closes the connection on a body above its own limit, and its client sees no reply.
        self._connection.set_max_body_size(sys.maxsize)
        if "Content-Length" in headers or "Transfer-Encoding" in headers:
            # A timer of our own: Tornado's makes a task of each body.
            self._late = asyncio.get_running_loop().call_later(BODY_TIMEOUT, self._connection.stream.close)
        if (obstacle := _obstacle(headers)) is not None:
            self._refuse(self._exposure() or obstacle)
        return None

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Collect the body. What is too much is read and forgotten, so that the client comes to read the reply."""
        self._body += chunk[: MAX_BODY + 1 - len(self._body)]
        return None

    def finish(self) -> None:
        """The request is whole."""
        self._stop_timer()
        if (error := self._exposure()) is not None:
            self._refuse(error)
        elif self._is_plain():
            self._attempt(self._hand_in)
        else:
            self._leave_to_application()

    def on_connection_close(self) -> None:
        """The client has gone."""
        self._gone = True
        self._stop_timer()
        self._context.in_flight.leave(self)
        if self._delegate is not None:
            self._delegate.on_connection_close()

    def _stop_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()

    def _exposure(self) -> FaucetError | None:
        """The refusal of a request that holds a private key: nothing else looks at it."""
        target, request_id = self._start_line.path, self._headers.get("X-Request-ID", "")
        public = (self._context.snapshot.chain_status.chain_id or "",)
        if request_id and (error := exposure(request_id, b"", public)) is not None:
            del self._headers["X-Request-ID"]  # replies and log repeat it
            return error
        body = b"" if target.startswith(ADMIN) else bytes(self._body)
        return exposure("" if target in PLAIN else target, body, public)

    def _is_plain(self) -> bool:
        """Whether this is a signup that asks for nothing but to be accepted, with a body of a bearable size."""
        line, headers = self._start_line, self._headers
        if line.method != "POST" or line.path not in PLAIN or self._context.settings.reply_wait:
            return False
        return len(self._body) <= MAX_BODY and not any(name in headers for name in _NOT_PLAIN)

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step towards the reply; a fault in it the application meets again, and tells."""
        try:
            step()
        except FaucetError as error:
            self._refuse(error)
        except Exception:  # noqa: BLE001  # whatever it was, the client must get a reply
            self._leave_to_application()

    def _hand_in(self) -> None:
        """Check the signup and hand it to the ledger. Raises FaucetError."""
        signup = parse_signup(bytes(self._body), rules_of(self._context))
        if is_test_name(signup.name) or has_referrer_by_id(signup):
            self._leave_to_application()
            return
        # A callback and no task: a crowd makes tens of thousands.
        answer = self._context.ledger.signups.submit(signup, limits_of(self._context, self._peer(), self._headers))
        answer.add_done_callback(lambda answer: self._attempt(lambda: self._accept(answer.result())))

    def _accept(self, job: Job) -> None:
        body = signup_json(job, self._context.settings.default_referrer)
        self._reply(200, body, {"Location": job_url(job.id)}, outcome="accepted")

    def _peer(self) -> str:
        return str(self._connection.context.remote_ip)  # type: ignore[attr-defined]  # Tornado keeps it as an object

    def _leave_to_application(self) -> None:
        """Let the application take the request from its beginning."""
        self._delegate = self._entrance.application.start_request(self._server, self._connection)
        self._delegate.headers_received(self._start_line, self._headers)
        self._context.in_flight.leave(self)
        self._delegate.data_received(bytes(self._body))
        self._delegate.finish()

    def _refuse(self, error: FaucetError) -> None:
        """Answer with `error` in JSON."""
        is_refused_signup = self._is_signup()
        status = STATUS[error.code]
        if is_refused_signup:
            status = refusal_status(error, old_clients=self._context.settings.old_clients)
        outcome = error.code if is_refused_signup else None
        self._reply(status, error_body(error), error_headers(error), outcome=outcome)

    def _is_signup(self) -> bool:
        return self._start_line.method == "POST" and is_signup(self._start_line.path)

    def _reply(self, status: int, content: dict[str, Any], more: Mapping[str, str], *, outcome: str | None) -> None:
        """Send the reply, unless the client has gone; count it and write its line."""
        context, method = self._context, self._start_line.method
        request_id = request_id_of(self._headers, context.random_id)
        body = encode_json(content)
        headers = {
            **base_headers(request_id),
            **JSON,
            **cors_headers(context.settings, self._headers.get("Origin")),
            **more,
            "Content-Length": str(len(body)),
            "Date": _date(int(context.clock())),
        }
        if not self._gone:
            line = ResponseStartLine("HTTP/1.1", status, responses[status])
            self._connection.write_headers(line, HTTPHeaders(headers), None if method == "HEAD" else body)
            self._connection.finish()
        self._stop_timer()
        context.in_flight.leave(self)
        if outcome is not None:
            context.metrics.signups(outcome).inc()
        log_request(
            context,
            request_id,
            method=method if method in Handler.SUPPORTED_METHODS else "other",
            route=SignupHandler.route if self._is_signup() else Handler.route,
            status=status,
            seconds=context.clock() - self._began,
        )


def _plainly(line: RequestStartLine, headers: HTTPHeaders) -> RequestStartLine:
    """The request's line with the one spelling of its target; `headers` with that of theirs."""
    if "Expect" in headers:
        headers["Expect"] = headers["Expect"].lower()  # RFC 9110, 10.1.1; Tornado knows it in small letters only
    if line.path in PLAIN:
        return line
    host, target = split_absolute(line.path)
    if host is not None:
        headers["Host"] = host  # RFC 9112, 3.2.2
    return line._replace(path=plain_target(target))


def _obstacle(headers: HTTPHeaders) -> FaucetError | None:
    """Why the body need not come at all."""
    length = headers.get("Content-Length", "0")
    if not length.isdecimal():
        return FaucetError(Code.BAD_REQUEST, "The header Content-Length is not a number.")
    if int(length) > MAX_BODY and "Expect" in headers:
        # RFC 9110, 10.1.1: the client waits for leave to send, and nothing is on its way yet.
        return FaucetError(Code.TOO_LARGE, f"The request is larger than {MAX_BODY} bytes.")
    return None


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """RFC 9110, 6.6.1; it is the same for all replies of a second."""
    return format_timestamp(second)
