"""The base of all request handlers: request ids, bodies, errors, CORS, headers, metrics, the access log."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from tornado.httputil import HTTPServerRequest
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from handlers.admin.login_limiter import LoginLimiter
from handlers.admin.tokens import key_id
from handlers.api.proofs import Proofs
from handlers.api.readiness import Readiness
from handlers.http.client import client_key, forwarded_in
from handlers.http.connections import Connections
from handlers.http.errors import STATUS, error_headers, error_of_status, error_reply, internal_error
from handlers.http.headers import JSON, base_headers, cors_headers, preflight_headers, random_request_id, request_id_of
from handlers.http.held import HeldReplies
from handlers.http.in_flight import InFlight
from handlers.http.preferences import requested_wait
from handlers.pages.explorer import Explorer
from handlers.pages.templates import Pages
from handlers.replies import Reply, encode_json
from jobs.chain_status import Snapshot
from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.monitoring.logs import log_event
from jobs.monitoring.metrics import Metrics
from jobs.settings import Settings
from jobs.settings.passwords import session_key
from jobs.ways.lists_watch import CurrentLists

log = logging.getLogger("faucet.http")

ANSWER_WAIT = 3.0  #: seconds that a dry run waits for the chain's owner
KEEP_ALIVE = 15.0  #: seconds without a change after which a stream sends a comment
READING = ("GET", "HEAD")


@dataclass(slots=True)
class AppContext:
    """The dependencies of the handlers."""

    settings: Settings
    ledger: Ledger
    snapshot: Snapshot
    metrics: Metrics
    clock: Callable[[], float] = time.time
    random_id: Callable[[], str] = random_request_id
    keep_alive: float = KEEP_ALIVE
    answer_wait: float = ANSWER_WAIT
    in_flight: InFlight = field(default_factory=InFlight)
    pages: Pages = field(init=False)
    connections: Connections = field(init=False)
    held: HeldReplies = field(init=False)
    readiness: Readiness = field(init=False)
    guard: LoginLimiter = field(init=False)
    proofs: Proofs | None = field(init=False)  #: None: nobody is asked for work
    lists: CurrentLists = field(init=False)
    session_key: bytes = field(init=False)  #: what operators' forms and messages are signed with
    key_id: str = field(init=False)  #: its name in the ledger: sessions of another one are over

    def __post_init__(self) -> None:
        self.pages = Pages(Explorer(self.settings), has_signup=self.settings.signup_page)
        self.connections = Connections(self.metrics)
        self.held = HeldReplies(self.connections.most * 3 // 4)  # the others are for requests that wait for nothing
        needs_work = self.settings.proof_of_work != "off"
        self.proofs = Proofs(self.settings, self.ledger.work, self.metrics) if needs_work else None
        self.guard = LoginLimiter(self.ledger.login_failures)
        self.lists = CurrentLists(self.settings.lists_path, needed=self.settings.lists_file is not None)
        self.readiness = Readiness(self.ledger, self.snapshot, self.settings, lists=self.lists, clock=self.clock)
        self.session_key = session_key(self.settings.secret_key, self.settings.admin_password_hash)
        self.key_id = key_id(self.session_key)


def address_of(context: AppContext, peer: str, headers: Mapping[str, str]) -> str | None:
    """The address that the limits of one client count; None for a client on this machine."""
    return client_key(peer, *forwarded_in(headers), context.settings.trusted_proxies)


def log_request(context: AppContext, request_id: str, *, method: str, route: str, status: int, seconds: float) -> None:
    """Count an answered request, and log it."""
    context.metrics.requests(route, method, status).observe(seconds)
    ms = f"{seconds * 1000:.1f}"
    fields = {"request": request_id, "method": method, "route": route, "status": status, "ms": ms}
    log_event(log, "request answered", fields)


@stream_request_body
class Handler(RequestHandler):
    """The base of all handlers; `route` is the name under which the metrics count."""

    route: ClassVar[str] = "other"
    #: The methods that the address takes, for `Allow`.
    methods: ClassVar[tuple[str, ...]] = READING

    def __init__(self, application: Application, request: HTTPServerRequest, **options: Any) -> None:
        # Before the base class, which asks for the default headers.
        self.context: AppContext = application.settings["context"]
        self.request_id = request_id_of(request.headers, self.context.random_id)
        self.body = bytearray()  #: of the request; one byte over the limit marks it as too large
        super().__init__(application, request, **options)
        self.context.in_flight.enter(self)

    @cached_property
    def incident(self) -> str:
        """The id that a fault of ours has in the log and in the reply."""
        return self.context.random_id()

    def set_default_headers(self) -> None:
        """Also what an error reply carries."""
        self._set_headers(base_headers(self.request_id))

    def _set_headers(self, headers: Mapping[str, str]) -> None:
        for name, value in headers.items():
            self.set_header(name, value)

    def data_received(self, chunk: bytes) -> None:
        """Take the body, which was read whole."""
        self.body += chunk

    def client_address(self) -> str | None:
        """The address that the limits of one client count; None for a client on this machine."""
        return address_of(self.context, self.request.remote_ip or "", self.request.headers)

    def compute_etag(self) -> str | None:
        """None: every reply is live, so hashing it gains nothing."""
        return None

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Log unexpected exceptions only: a refusal is not a fault."""
        if not isinstance(value, FaucetError | HTTPError):
            fields = {"incident": self.incident, "request": self.request_id}
            log.error("request failed", exc_info=(typ, value, tb), extra={"fields": fields})  # type: ignore[arg-type]  # Tornado's types are looser

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Reply with the error, which has a code and a safe sentence whatever it was."""
        self.answer_with(self._error(status_code, kwargs.get("exc_info", (None, None, None))[1]))

    def answer_with(self, error: FaucetError, *, status: int | None = None) -> None:
        """Reply with `error`, with its own status or another. Cheaper than raising it."""
        self.set_status(status or STATUS[error.code])
        self._set_headers(error_headers(error))
        if error.code is Code.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self.methods))
        if self.request.method in (*READING, *self.methods):
            self.show_error(error)
        else:
            self._allow_reading()
            self.reply_error(error)

    def show_error(self, error: FaucetError) -> None:
        """Finish with the error as HTML or JSON."""
        raise NotImplementedError

    def reply_error(self, error: FaucetError) -> None:
        """Finish with the error in JSON."""
        self._set_headers(JSON)
        self.finish(encode_json(error_reply(error)))

    def options(self, *_path: str) -> None:
        """List the methods that the address takes."""
        self.set_header("Allow", ", ".join(self.methods))
        self.clear_header("Content-Type")
        self.set_status(204)

    def _allow_reading(self) -> None:
        """Let the pages of `cors_origins` read this reply: a client that posts is a program, wherever it posts to."""
        self._set_headers(cors_headers(self.context.settings, self.request.headers.get("Origin")))

    def on_connection_close(self) -> None:
        """The client has disconnected."""
        super().on_connection_close()
        self.context.in_flight.leave(self)

    def on_finish(self) -> None:
        """Count and log the request."""
        self.context.in_flight.leave(self)
        method = str(self.request.method) if self.request.method in self.SUPPORTED_METHODS else "other"
        status, seconds = self.get_status(), self.request.request_time()
        log_request(self.context, self.request_id, method=method, route=self.route, status=status, seconds=seconds)

    def _error(self, status: int, error: BaseException | None) -> FaucetError:
        if isinstance(error, FaucetError):
            return error
        known = error_of_status(error.status_code if isinstance(error, HTTPError) else status)
        return known or internal_error(self.incident)


class ApiHandler(Handler):
    """The base of JSON handlers: CORS, preflights, errors as JSON."""

    methods: ClassVar[tuple[str, ...]] = (*READING, "OPTIONS")

    def __init__(
        self, application: Application, request: HTTPServerRequest, *, cors: bool = True, **options: Any
    ) -> None:
        """`cors`: the pages of `cors_origins` may read the replies."""
        self._cors = cors
        super().__init__(application, request, **options)

    def set_default_headers(self) -> None:
        """Let the pages of `cors_origins` read replies, errors included."""
        super().set_default_headers()
        self._set_headers(JSON)
        if self._cors:
            self._allow_reading()

    def options(self, *path: str) -> None:
        """Answer a preflight."""
        super().options(*path)
        if self._cors:
            self.allow_preflight(self.methods)

    def allow_preflight(self, methods: tuple[str, ...]) -> None:
        """Allow a page to send `methods`, with the headers that its preflight names."""
        requested_headers = self.request.headers.get("Access-Control-Request-Headers")
        self._set_headers(preflight_headers(methods, requested_headers))

    def reply(self, body: Reply) -> None:
        """Finish with `body`."""
        self.finish(encode_json(body))

    def show_error(self, error: FaucetError) -> None:
        """The error as JSON."""
        self.reply_error(error)

    def requested_wait(self) -> float | None:
        """Seconds to hold the reply at the client's request; None without one.

        Raises FaucetError bad_request for a `wait` in the query that is not a number.
        """
        prefer = self.request.headers.get("Prefer", "")
        wait, headers = requested_wait(self.request.query_arguments, prefer, self.context.settings.reply_wait_max)
        self._set_headers(headers)
        return wait


ANY_METHOD = (*READING, "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class ApiNotFound(ApiHandler):
    """An unknown address of the API, or of a request that no page answers."""

    methods = ("OPTIONS",)

    def get(self) -> None:
        """Raises FaucetError not_found, whatever the method."""
        raise FaucetError(Code.NOT_FOUND, "There is nothing at this address.")

    head = post = put = patch = delete = get

    def options(self, *_path: str) -> None:
        """Allow the request after a preflight, so that the page can read the 404."""
        if "Access-Control-Request-Method" not in self.request.headers:
            self.get()
        self.clear_header("Content-Type")
        self.set_status(204)
        self.allow_preflight(ANY_METHOD)
