"""Jobs and amounts as clients and pages see them."""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from handlers.replies import AcceptedAccount, JobLink, JobView, SignupReply
from jobs.model.job import Job, JobStatus, Signup

WHOLE_FROM = 1000  #: core asset; the decimals of larger amounts tell people nothing


def iso_time(milliseconds: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(milliseconds: int) -> str:
    """The same for people: to the second, named UTC."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def day(milliseconds: int) -> str:
    """The date alone."""
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d}"


def job_url(job_id: str) -> str:
    """Where the API shows the job."""
    return f"/api/v1/jobs/{job_id}"


def job_view(job: Job) -> JobView:
    """The job as the API shows it."""
    return JobView(
        id=job.id,
        name=job.signup.name,
        referrer=job.sent_referrer,
        state=job.state,
        account_id=job.account_id,
        transaction_id=job.transaction_id,
        block_num=job.block_num,
        irreversible=job.irreversible,
        initial_balance=None if job.initial_balance is None else _number(Decimal(job.initial_balance)),
        attempts=job.attempts,
        code=job.code,
        reason=job.reason,
        created_at=iso_time(job.created_at),
        updated_at=iso_time(job.updated_at),
    )


def signup_reply(signup: Signup, job: Job | JobStatus, default_referrer: str) -> SignupReply:
    """The reply to an accepted `signup`, whose job it is."""
    account = accepted_account(signup, job.sent_referrer or signup.referrer or default_referrer)
    return SignupReply(account, JobLink(job.id, job.state, job_url(job.id)))


def accepted_account(signup: Signup, referrer: str) -> AcceptedAccount:
    """The account of `signup` as a reply shows it."""
    return AcceptedAccount(signup.name, signup.owner_key, signup.active_key, signup.memo_key, referrer)


def core_amount(satoshi: int | None, precision: int | None, symbol: str | None) -> str:
    """Satoshi as an amount of the core asset for people, a large one without decimals; "unknown" without satoshi."""
    if satoshi is None or precision is None:
        return "unknown"
    amount = Decimal(satoshi).scaleb(-precision)
    rounded = amount.normalize() if amount < WHOLE_FROM else amount // 1
    return f"{rounded:,f} {symbol}"


def readable_json(text: str) -> str:
    """JSON on lines of its own, for people."""
    return msgspec.json.format(text, indent=2)


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)
