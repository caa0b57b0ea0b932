"""What holds for every request, however it is read: no private keys, and so many at once for one client."""

from handlers.http.client import connection_key
from handlers.http.paths import PLAIN
from handlers.http.stream import ClientStream
from handlers.request import Request
from jobs.errors import Code, FaucetError
from jobs.signup import exposure

RETRY_AFTER = 10  #: seconds, for a client that has too many requests in hand
ADMIN = "/admin"  #: whose forms hold passwords, which may look like anything


def exposure_in(request: Request, body: bytes) -> FaucetError | None:
    """The refusal of a request that holds a private key, before anything can keep or log it."""
    target, request_id = request.target, request.headers.get("X-Request-ID", "")
    public = (request.context.snapshot.chain_status.chain_id or "",)
    if request_id and (error := exposure(request_id, b"", public)) is not None:
        del request.headers["X-Request-ID"]  # reply and log repeat it
        return error
    return exposure("" if target in PLAIN else target, b"" if target.startswith(ADMIN) else body, public)


def crowd_error(request: Request, stream: ClientStream) -> FaucetError | None:
    """The refusal of a request that a proxy passes on for a client that has too many in hand already."""
    is_forwarded = "X-Forwarded-For" in request.headers or "X-Real-IP" in request.headers
    # A client's own connections are limited as they are accepted.
    if not is_forwarded or connection_key(request.remote_ip, request.context.settings.trusted_proxies) is not None:
        return None
    if request.context.connections.carry(stream, request.client_address):
        return None
    return FaucetError(Code.THROTTLED, "Too many requests of one address are in hand.", retry_after=RETRY_AFTER)


def refuse(request: Request, error: FaucetError) -> None:
    """Reply with `error`, before anybody else looks at the request."""
    if request.is_signup:
        request.context.metrics.signups(error.code).inc()
    request.reply_error(error, {})
