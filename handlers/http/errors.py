"""Errors as replies: the one table from code to status, headers and body."""

from msgspec import UNSET

from handlers.replies import ErrorLines, ErrorReply
from jobs.errors import Code, FaucetError
from jobs.model.job import Job, JobStatus

STATUS = {
    Code.BAD_REQUEST: 400,
    Code.MISSING_FIELD: 400,
    Code.INVALID_API_KEY: 401,
    Code.INVITATION_REQUIRED: 403,
    Code.WORK_REQUIRED: 403,
    Code.DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.METHOD_NOT_ALLOWED: 405,
    Code.ACCOUNT_EXISTS: 409,
    Code.CANCELLED: 409,
    Code.TOO_LARGE: 413,
    Code.UNSUPPORTED_MEDIA_TYPE: 415,
    Code.INVALID_NAME: 422,
    Code.PREMIUM_NAME: 422,
    Code.INVALID_KEY: 422,
    Code.PRIVATE_KEY_SENT: 422,
    Code.REJECTED: 422,
    Code.CHAIN_REFUSED: 422,  # no 5xx: proxies rewrite a 502, and libraries repeat it
    Code.UNKNOWN_REFERRER: 422,
    Code.INVALID_INVITATION: 422,
    Code.INVALID_WORK: 422,
    Code.THROTTLED: 429,
    Code.INTERNAL: 500,
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

#: The field to blame for a job's failure.
_FIELD = {Code.ACCOUNT_EXISTS: "name", Code.INVALID_NAME: "name", Code.PREMIUM_NAME: "name"}


def error_of_job(job: Job | JobStatus) -> FaucetError | None:
    """The error that ended `job`; None unless it failed or was cancelled."""
    if job.code is None:
        return None
    code = Code(job.code)
    return FaucetError(code, job.reason or "The signup failed.", field=_FIELD.get(code))


def error_of_status(status: int) -> FaucetError | None:
    """The error for a status that Tornado gave; None where only a fault of ours explains it."""
    return _OF_STATUS.get(status) or (_OF_STATUS[400] if 400 <= status < 500 else None)


def internal_error(incident: str) -> FaucetError:
    """The error for a fault of ours, which the log has under the id `incident`."""
    return FaucetError(Code.INTERNAL, f"Something went wrong here, not with you. Incident {incident}.")


def refusal_status(error: FaucetError, *, old_clients: bool) -> int:
    """The status of a refused signup: old clients expect 200 for a refusal, and an error status only for a failure."""
    status = STATUS[error.code]
    return 200 if old_clients and 400 <= status < 500 else status


def error_headers(error: FaucetError) -> dict[str, str]:
    """What the reply with an error carries besides."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.code is Code.UNSUPPORTED_MEDIA_TYPE:
        headers["Accept-Encoding"] = "identity"  # RFC 9110, 12.5.3
    if error.code is Code.INVALID_API_KEY:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'  # RFC 6750, 3.1
    return headers


def error_reply(error: FaucetError) -> ErrorReply:
    """The reply with `error`."""
    return ErrorReply(ErrorLines([error.sentence]), error.code, UNSET if error.field is None else error.field)
