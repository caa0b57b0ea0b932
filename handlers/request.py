"""A request as it was received, and a JSON reply written straight to its connection, without a request handler."""

from collections.abc import Mapping
from functools import lru_cache
from http.client import responses

from tornado.escape import parse_qs_bytes
from tornado.http1connection import HTTP1Connection
from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPServerRequest,
    RequestStartLine,
    ResponseStartLine,
    format_timestamp,
)

from handlers.base import AppContext, Handler, address_of, log_request
from handlers.http.client import Address, forwarded_in, limited_client
from handlers.http.errors import STATUS, error_headers, error_reply, refusal_status
from handlers.http.headers import JSON, base_headers, cors_headers, request_id_of
from handlers.http.paths import is_signup
from handlers.replies import Reply, encode_json
from jobs.errors import FaucetError

SIGNUP_ROUTE = "signup"  #: under which the metrics count POST at the addresses of signups


class Request:
    """A request that is in flight until it is answered, left to the application, or abandoned by its client.

    It is not Tornado's, which parses and copies what a signup has no use for, but can be made one.
    """

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
        self.context = context
        self.start_line = line
        self.headers = headers
        self.method = line.method
        self.path, _, self._query = line.path.partition("?")
        self.is_signup = line.method == "POST" and is_signup(self.path)  #: the signup endpoint answers it
        self.is_abandoned = False  #: the client has closed the connection
        self._server = server
        self._connection = connection
        self._id: str | None = None
        self._received_at = context.clock()
        context.in_flight.enter(self)

    def to_tornado(self) -> HTTPServerRequest:
        """The request as Tornado's application takes it. Raises HTTPInputError for one that HTTP forbids."""
        try:
            return HTTPServerRequest(
                connection=self._connection,
                server_connection=self._server,
                start_line=self.start_line,
                headers=self.headers,
            )
        except ValueError:  # such as a host's port of more digits than int() takes
            raise HTTPInputError("a header can't be parsed") from None

    @property
    def query_arguments(self) -> Mapping[str, list[bytes]]:
        """The arguments of the query, by name."""
        return parse_qs_bytes(self._query, keep_blank_values=True) if self._query else {}

    @property
    def remote_ip(self) -> str:
        """The address of the peer: the client's, or that of a proxy."""
        return str(self._connection.context.remote_ip)  # type: ignore[attr-defined]  # Tornado declares an object

    @property
    def request_id(self) -> str:
        """What it is called in the log and in its reply."""
        # No cached_property: it takes a lock.
        if self._id is None:
            self._id = request_id_of(self.headers, self.context.random_id)
        return self._id

    @property
    def client_address(self) -> str | None:
        """The address that the limits of one client count; None of a client on this machine."""
        return address_of(self.context, self.remote_ip, self.headers)

    @property
    def limited_address(self) -> str | None:
        """The same where signups of one address are limited; None elsewhere."""
        return self.client_address if self.context.settings.restrict_ip else None

    @property
    def listed_client(self) -> Address | None:
        """The address that lists of networks look for; None of a client on this machine."""
        trusted = self.context.settings.trusted_proxies
        return limited_client(self.remote_ip, *forwarded_in(self.headers), trusted)

    def abandon(self) -> None:
        """The client has closed the connection."""
        self.is_abandoned = True
        self.leave()

    def leave(self) -> None:
        """The application answers it, or nobody."""
        self.context.in_flight.leave(self)

    def reply_error(self, error: FaucetError, headers: Mapping[str, str]) -> None:
        """Reply with `error`, for a signup with the status that old clients expect."""
        status = STATUS[error.code]
        if self.is_signup:
            status = refusal_status(error, old_clients=self.context.settings.old_clients)
        self.reply(status, error_reply(error), {**headers, **error_headers(error)})

    def reply(self, status: int, body: Reply, headers: Mapping[str, str]) -> None:
        """Send the reply, unless the client has disconnected; count and log the request."""
        if not self.is_abandoned:
            self._send(status, encode_json(body), headers)
        self.leave()
        log_request(
            self.context,
            self.request_id,
            method=self.method if self.method in Handler.SUPPORTED_METHODS else "other",
            route=SIGNUP_ROUTE if self.is_signup else Handler.route,
            status=status,
            seconds=self.context.clock() - self._received_at,
        )

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        all_headers = {
            **base_headers(self.request_id),
            **JSON,
            **cors_headers(self.context.settings, self.headers.get("Origin")),
            **headers,
            "Content-Length": str(len(body)),
            "Date": _date(int(self.context.clock())),
        }
        line = ResponseStartLine("HTTP/1.1", status, responses[status])
        self._connection.write_headers(line, HTTPHeaders(all_headers), None if self.method == "HEAD" else body)
        self._connection.finish()


def _check_host(line: RequestStartLine, headers: HTTPHeaders) -> None:
    """Raise HTTPInputError without a single Host, which only HTTP/1.0 may lack (RFC 9112, 3.2)."""
    host = headers.get("Host")
    if "," in host if host is not None else line.version != "HTTP/1.0":
        raise HTTPInputError("There must be one header Host.")


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """RFC 9110, 6.6.1; it is the same for all replies of a second."""
    return format_timestamp(second)
