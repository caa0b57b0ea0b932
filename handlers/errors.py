"""How an error is told: the one table from code to status, and its body."""

from typing import Any

from jobs.errors import Code, FaucetError

STATUS = {
    Code.BAD_REQUEST: 400,
    Code.MISSING_FIELD: 400,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.ACCOUNT_EXISTS: 409,
    Code.CANCELLED: 409,
    Code.TOO_LARGE: 413,
    Code.INVALID_NAME: 422,
    Code.PREMIUM_NAME: 422,
    Code.INVALID_KEY: 422,
    Code.PRIVATE_KEY_SENT: 422,
    Code.REJECTED: 422,
    Code.UNKNOWN_REFERRER: 422,
    Code.THROTTLED: 429,
    Code.INTERNAL: 500,
    Code.CHAIN_REFUSED: 502,
    Code.PAUSED: 503,
    Code.OVERLOADED: 503,
    Code.LEDGER_UNAVAILABLE: 503,
}

#: What Tornado itself refuses, by its status.
_OF_STATUS = {
    400: FaucetError(Code.BAD_REQUEST, "The request can't be understood."),
    403: FaucetError(Code.NOT_FOUND, "There is nothing at this address."),  # a path out of the static files
    404: FaucetError(Code.NOT_FOUND, "There is nothing at this address."),
    405: FaucetError(Code.METHOD_NOT_ALLOWED, "This address does not take this method."),
}


def error_of_status(status: int) -> FaucetError | None:
    """The error for a status that Tornado gave; None where only a fault of ours explains it."""
    return _OF_STATUS.get(status) or (_OF_STATUS[400] if 400 <= status < 500 else None)


def error_headers(error: FaucetError) -> dict[str, str]:
    """What the reply with an error carries besides."""
    return {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}


def error_body(error: FaucetError) -> dict[str, Any]:
    """The JSON of an error."""
    body: dict[str, Any] = {"base": [error.sentence], "code": error.code}
    if error.field is not None:
        body["field"] = error.field
    return {"error": body}
