"""The one error that crosses layers: a code for programs and a sentence for people."""

from enum import StrEnum


class Code(StrEnum):
    """Every way in which a request, or a job, can fail."""

    # handlers/http/errors.py maps them to a status.

    BAD_REQUEST = "bad_request"
    MISSING_FIELD = "missing_field"
    ACCOUNT_EXISTS = "account_exists"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"  #: the body is compressed
    INVALID_NAME = "invalid_name"
    PREMIUM_NAME = "premium_name"
    INVALID_KEY = "invalid_key"
    PRIVATE_KEY_SENT = "private_key_sent"
    UNKNOWN_REFERRER = "unknown_referrer"
    INVALID_INVITATION = "invalid_invitation"
    INVITATION_REQUIRED = "invitation_required"
    INVALID_API_KEY = "invalid_api_key"  #: of the header Authorization
    INVALID_WORK = "invalid_work"
    WORK_REQUIRED = "work_required"
    DENIED = "denied"  #: whoever it comes from may not sign up
    THROTTLED = "throttled"
    PAUSED = "paused"
    OVERLOADED = "overloaded"
    LEDGER_UNAVAILABLE = "ledger_unavailable"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    INTERNAL = "internal"
    CHAIN_REFUSED = "chain_refused"  #: only of jobs: the chain will not have this one
    CANCELLED = "cancelled"  #: only of jobs: an operator ended it
    REJECTED = "rejected"  #: only of jobs: an operator refused it


class FaucetError(Exception):
    """A failure whose sentence is safe to show to anyone: it never repeats what was sent."""

    def __init__(self, code: Code, sentence: str, *, field: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.field = field  #: the request's field to blame, if it is one
        self.retry_after = retry_after  #: seconds
        self.limit: str | None = None  #: which one is reached, for the metrics
        self.api_key: int | None = None  #: number of the one that the signup came with, for the metrics


def throttled(limit: str, sentence: str, field: str | None, retry_after: int) -> FaucetError:
    """The refusal of a signup where the `limit` is reached; `retry_after` is in seconds."""
    error = FaucetError(Code.THROTTLED, sentence, field=field, retry_after=retry_after)
    error.limit = limit
    return error
