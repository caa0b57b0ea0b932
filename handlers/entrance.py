"""The way in: a plain signup is answered here, everything else by the application's handlers.

A crowd sends plain signups, and half of what one costs in a request handler is the handler.
"""

import asyncio
from collections.abc import Awaitable, Callable
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

from handlers.accounts import SignupHandler, limits_of, rules_of
from handlers.base import Parts, api_headers, base_headers, encode_json, request_id_of, tell
from handlers.errors import STATUS, error_body, error_headers
from handlers.render import job_url, signup_json
from jobs.errors import FaucetError
from jobs.model import Job
from jobs.signup import BODY_MOST, is_test_name, parse_signup

BODY_WITHIN = 30.0  #: seconds that a request's body may take

#: Where wallets that know no referrer post.
PATHS = ("/api/v1/accounts", "/faucet")


class Entrance(HTTPServerConnectionDelegate):
    """Takes every request."""

    def __init__(self, application: Application, parts: Parts) -> None:
        self.application = application
        self.parts = parts

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """What takes a request on this connection."""
        assert isinstance(request_conn, HTTP1Connection)  # noqa: S101  # Tornado serves no other; for the types
        return Exchange(self, server_conn, request_conn)

    def on_close(self, server_conn: object) -> None:
        """A connection has ended."""
        self.application.on_close(server_conn)


class Exchange(HTTPMessageDelegate):
    """One request and its reply."""

    def __init__(self, entrance: Entrance, server: object, connection: HTTP1Connection) -> None:
        self._entrance = entrance
        self._parts = entrance.parts
        self._server = server
        self._connection = connection
        self._delegate: HTTPMessageDelegate | None = None  # the application's, where the request is left to it
        self._body = bytearray()
        self._gone = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        """Begin the request."""
        self._start_line, self._headers = start_line, headers
        self._began = self._parts.clock()  # not before: a connection may rest for long between two requests
        if self._is_plain():
            self._parts.in_flight.enter(self)
            # A timer of our own: Tornado's makes a task of each body.
            self._late = asyncio.get_running_loop().call_later(BODY_WITHIN, self._connection.stream.close)
            return None
        self._connection.set_body_timeout(BODY_WITHIN)
        self._delegate = self._entrance.application.start_request(self._server, self._connection)
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        """Take a piece of the body."""
        if self._delegate is not None:
            return self._delegate.data_received(chunk)
        self._body += chunk
        return None

    def finish(self) -> None:
        """The request is whole."""
        if self._delegate is not None:
            self._delegate.finish()
        else:
            self._late.cancel()
            self._attempt(self._hand_in)

    def on_connection_close(self) -> None:
        """The client has gone."""
        self._gone = True
        self._parts.in_flight.leave(self)
        if self._delegate is not None:
            self._delegate.on_connection_close()

    def _is_plain(self) -> bool:
        """Whether this is a signup that asks for nothing but to be accepted, with a body of a known bearable size."""
        line, headers = self._start_line, self._headers
        if not isinstance(line, RequestStartLine) or line.method != "POST" or line.path not in PATHS:
            return False
        if self._parts.settings.reply_wait or "Prefer" in headers or "Expect" in headers:
            return False
        length = headers.get("Content-Length", "")
        return length.isdecimal() and int(length) <= BODY_MOST

    def _attempt(self, step: Callable[[], None]) -> None:
        """Take a step towards the reply; a fault in it the application meets again, and tells."""
        try:
            step()
        except FaucetError as error:
            self._reply(STATUS[error.code], error.code, error_body(error), error_headers(error))
        except Exception:  # noqa: BLE001  # whatever it was, the client must get a reply
            self._leave_to_application()

    def _hand_in(self) -> None:
        """Check the signup and hand it to the ledger. Raises FaucetError."""
        signup = parse_signup(bytes(self._body), rules_of(self._parts))
        if is_test_name(signup.name):
            self._leave_to_application()
            return
        # A callback and no task: a crowd makes tens of thousands.
        answer = self._parts.ledger.hand_in(signup, limits_of(self._parts, self._peer(), self._headers))
        answer.add_done_callback(lambda answer: self._attempt(lambda: self._accept(answer.result())))

    def _accept(self, job: Job) -> None:
        body = signup_json(job, self._parts.settings.default_referrer)
        self._reply(200, "accepted", body, {"Location": job_url(job.id)})

    def _peer(self) -> str:
        return str(self._connection.context.remote_ip)  # type: ignore[attr-defined]  # Tornado keeps it as an object

    def _leave_to_application(self) -> None:
        """Let the application take the request from its beginning."""
        self._parts.in_flight.leave(self)
        self._leaving = asyncio.create_task(self._begin_anew())

    async def _begin_anew(self) -> None:
        self._delegate = self._entrance.application.start_request(self._server, self._connection)
        for taken in (
            self._delegate.headers_received(self._start_line, self._headers),
            self._delegate.data_received(bytes(self._body)),
        ):
            if taken is not None:
                await taken
        self._delegate.finish()

    def _reply(self, status: int, outcome: str, content: dict[str, Any], more: dict[str, str]) -> None:
        """Send the reply, unless the client has gone; count it and write its line."""
        parts = self._parts
        request_id = request_id_of(parts, self._headers)
        body = encode_json(content)
        headers = {
            **base_headers(request_id),
            **api_headers(parts.settings, self._headers.get("Origin")),
            **more,
            "Content-Length": str(len(body)),
            "Date": _date(int(parts.clock())),
        }
        if not self._gone:
            line = ResponseStartLine("HTTP/1.1", status, responses[status])
            self._connection.write_headers(line, HTTPHeaders(headers), body)
            self._connection.finish()
        parts.in_flight.leave(self)
        parts.metrics.signups(outcome).inc()
        seconds = parts.clock() - self._began
        tell(parts, request_id, method="POST", route=SignupHandler.route, status=status, seconds=seconds)


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """RFC 9110, 6.6.1; it is the same for all replies of a second."""
    return format_timestamp(second)
