"""A request as it was received, and a JSON reply written straight to its connection, without a request handler."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, MutableMapping
from functools import lru_cache

from tornado.escape import parse_qs_bytes
from tornado.httputil import format_timestamp

from handlers.base import AppContext, Handler, address_of, log_request
from handlers.http.client import Address, forwarded_in, limited_client
from handlers.http.errors import STATUS, error_headers, error_reply, refusal_status
from handlers.http.headers import JSON, base_headers, cors_headers, request_id_of
from handlers.http.paths import is_signup
from handlers.replies import Reply, encode_json
from jobs.errors import FaucetError

SIGNUP_ROUTE = "signup"  #: under which the metrics count POST at the addresses of signups


class Request(ABC):
    """A request that is in flight until it is answered, left to the application, or abandoned by its client.

    It is not Tornado's, which parses and copies what a signup has no use for.
    """

    def __init__(
        self, context: AppContext, method: str, target: str, headers: MutableMapping[str, str], remote_ip: str
    ) -> None:
        """`remote_ip` is the address of the peer: the client's, or that of a proxy."""
        self.context = context
        self.method = method
        self.target = target
        self.headers = headers
        self.remote_ip = remote_ip
        self.path, _, self._query = target.partition("?")
        self.is_signup = method == "POST" and is_signup(self.path)  #: the signup endpoint answers it
        self.is_abandoned = False  #: the client has closed the connection
        self._id: str | None = None
        self._received_at = context.clock()
        context.in_flight.enter(self)

    @property
    def query_arguments(self) -> Mapping[str, list[bytes]]:
        """The arguments of the query, by name."""
        return parse_qs_bytes(self._query, keep_blank_values=True) if self._query else {}

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
            encoded = encode_json(body)
            self._send(status, self._headers(headers, encoded), encoded)
        self.leave()
        log_request(
            self.context,
            self.request_id,
            method=self.method if self.method in Handler.SUPPORTED_METHODS else "other",
            route=SIGNUP_ROUTE if self.is_signup else Handler.route,
            status=status,
            seconds=self.context.clock() - self._received_at,
        )

    def _headers(self, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """All headers of a reply with `body` and these."""
        return {
            **base_headers(self.request_id),
            **JSON,
            **cors_headers(self.context.settings, self.headers.get("Origin")),
            **headers,
            "Content-Length": str(len(body)),
            "Date": _date(int(self.context.clock())),
        }

    @abstractmethod
    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send a reply, and have the connection wait for the next request."""


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """RFC 9110, 6.6.1; it is the same for all replies of a second."""
    return format_timestamp(second)
