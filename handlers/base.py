"""What every handler shares: request ids, errors, CORS, headers, metrics, the access log."""

import logging
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
from tornado.web import HTTPError, RequestHandler

from handlers.errors import STATUS, error_body, error_of_status
from handlers.in_flight import InFlight
from handlers.templates import Pages
from jobs.config import Settings
from jobs.errors import Code, FaucetError
from jobs.ledger import Ledger
from jobs.metrics import Metrics
from jobs.snapshot import Snapshot

log = logging.getLogger("faucet.http")

_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
encode_json = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers work with."""

    settings: Settings
    ledger: Ledger
    snapshot: Snapshot
    metrics: Metrics
    in_flight: InFlight = field(default_factory=InFlight)
    pages: Pages = field(default_factory=Pages)


class Handler(RequestHandler):
    """The base of all handlers; `route` is the name under which the metrics count."""

    route: ClassVar[str] = "other"
    #: The methods that the address takes, for `Allow`.
    methods: ClassVar[tuple[str, ...]] = ("GET", "HEAD")

    parts: Parts

    def initialize(self, parts: Parts) -> None:
        """Tornado's constructor."""
        self.parts = parts
        parts.in_flight.enter()

    def set_default_headers(self) -> None:
        """Also what an error reply carries."""
        given = self.request.headers.get("X-Request-ID", "")
        self.request_id = given if _SANE_ID.fullmatch(given) else secrets.token_hex(8)
        self.set_header("X-Request-ID", self.request_id)
        self.set_header("Server", "faucet")
        self.set_header("X-Content-Type-Options", "nosniff")

    def compute_etag(self) -> None:
        """None: what is shown is live, a hash of each reply would buy nothing."""
        return

    def log_exception(self, typ: Any, value: BaseException | None, tb: Any) -> None:
        """Refusals are no faults: only what nobody foresaw is logged with its traceback."""
        if not isinstance(value, FaucetError | HTTPError):
            self.incident = secrets.token_hex(6)
            log.error("incident=%s request=%s", self.incident, self.request_id, exc_info=(typ, value, tb))  # type: ignore[arg-type]  # Tornado's types are looser

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with the error: whatever it was, it has a code and a safe sentence."""
        error = self._error(status_code, kwargs.get("exc_info", (None, None, None))[1])
        self.set_status(STATUS[error.code])
        if error.retry_after is not None:
            self.set_header("Retry-After", str(error.retry_after))
        if error.code is Code.METHOD_NOT_ALLOWED:
            self.set_header("Allow", ", ".join(self.methods))
        self.show_error(error)

    def show_error(self, error: FaucetError) -> None:
        """Write the error's body and finish."""
        raise NotImplementedError

    def on_finish(self) -> None:
        """Count the request and write its line."""
        self.parts.in_flight.leave()
        seconds = self.request.request_time()
        method = self.request.method if self.request.method in self.SUPPORTED_METHODS else "other"
        status = self.get_status()
        self.parts.metrics.http_request_seconds.labels(self.route, method, status).observe(seconds)
        log.info(
            "request=%s method=%s route=%s status=%d ms=%.1f",
            self.request_id, method, self.route, status, seconds * 1000,
        )  # fmt: skip

    def _error(self, status: int, error: BaseException | None) -> FaucetError:
        if isinstance(error, FaucetError):
            return error
        known = error_of_status(error.status_code if isinstance(error, HTTPError) else status)
        if known is not None:
            return known
        incident = getattr(self, "incident", self.request_id)
        return FaucetError(Code.INTERNAL, f"Something went wrong here, not with you. Incident {incident}.")


class ApiHandler(Handler):
    """The base of all that speaks JSON: CORS, OPTIONS, errors as JSON."""

    def set_default_headers(self) -> None:
        """Let the pages of `cors_origins` read replies, errors included."""
        super().set_default_headers()
        self.set_header("Content-Type", "application/json; charset=UTF-8")
        self.set_header("Cache-Control", "no-store")
        self._allow_origin()
        self.set_header("Access-Control-Expose-Headers", "Location, Retry-After, X-Request-ID, Preference-Applied")

    def options(self, *_path: str) -> None:
        """Answer a browser that asks before it posts."""
        self.set_header("Access-Control-Allow-Methods", ", ".join((*self.methods, "OPTIONS")))
        self.set_header("Access-Control-Allow-Headers", "Content-Type, Prefer, X-Request-ID")
        self.set_header("Access-Control-Max-Age", "86400")
        self.set_header("Allow", ", ".join((*self.methods, "OPTIONS")))
        self.clear_header("Content-Type")
        self.set_status(204)

    def reply(self, body: dict[str, Any]) -> None:
        """Finish with `body`."""
        self.finish(encode_json(body))

    def show_error(self, error: FaucetError) -> None:
        """The error as JSON."""
        self.reply(error_body(error))

    def wait_asked(self) -> float | None:
        """Seconds that the client wants the reply held (RFC 7240, or `wait` in the query); None if it does not say.

        Raises FaucetError bad_request for a `wait` that is no number.
        """
        asked = self.get_query_argument("wait", None)
        if asked is not None:
            return min(_seconds(asked), self.parts.settings.reply_wait_max)
        for preference in self.request.headers.get("Prefer", "").replace(";", ",").split(","):
            name, _, value = preference.strip().partition("=")
            if name.strip().lower() == "wait" and value.strip().isdecimal():
                self.set_header("Preference-Applied", f"wait={value.strip()}")
                return min(float(value), self.parts.settings.reply_wait_max)
        return None

    def _allow_origin(self) -> None:
        origins = self.application.settings["cors_origins"]
        if "*" in origins:
            self.set_header("Access-Control-Allow-Origin", "*")
            return
        self.set_header("Vary", "Origin")
        origin = self.request.headers.get("Origin")
        if origin in origins:
            self.set_header("Access-Control-Allow-Origin", str(origin))


class ApiNotFound(ApiHandler):
    """Every address under /api that there is not."""

    methods = ()

    def prepare(self) -> None:
        """Answer any method alike, but OPTIONS."""
        if self.request.method != "OPTIONS":
            raise FaucetError(Code.NOT_FOUND, "There is nothing at this address.")


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise FaucetError(Code.BAD_REQUEST, "'wait' must be a number of seconds.", field="wait")
    return seconds
