"""Jobs and amounts as clients and pages see them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from jobs.model import Job, Signup


def iso_time(milliseconds: int) -> str:
    """RFC 3339 with milliseconds, UTC."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def job_url(job_id: str) -> str:
    """Where the API shows the job."""
    return f"/api/v1/jobs/{job_id}"


def job_json(job: Job) -> dict[str, Any]:
    """The job as the API shows it: no keys, nothing about who asked."""
    return {
        "id": job.id,
        "name": job.signup.name,
        "state": job.state,
        "account_id": job.account_id,
        "transaction_id": job.transaction_id,
        "block_num": job.block_num,
        "irreversible": job.irreversible,
        "initial_balance": None if job.initial_balance is None else _number(Decimal(job.initial_balance)),
        "attempts": job.attempts,
        "code": job.code,
        "reason": job.reason,
        "created_at": iso_time(job.created_at),
        "updated_at": iso_time(job.updated_at),
    }


def signup_json(job: Job, default_referrer: str) -> dict[str, Any]:
    """The answer to a signup."""
    return {
        "account": account_json(job.signup, default_referrer),
        "job": {"id": job.id, "state": job.state, "url": job_url(job.id)},
    }


def account_json(signup: Signup, default_referrer: str) -> dict[str, Any]:
    """What the predecessor answered, which wallets in the field read."""
    return {
        "name": signup.name,
        "owner_key": signup.owner_key,
        "active_key": signup.active_key,
        "memo_key": signup.memo_key,
        "referrer": signup.referrer or default_referrer,
    }


def core_amount(satoshi: int | None, precision: int | None, symbol: str | None) -> str:
    """Satoshi as an amount of the core asset with thousands separated, for people."""
    if satoshi is None or precision is None:
        return "unknown"
    return f"{Decimal(satoshi).scaleb(-precision).normalize():,f} {symbol}"


def _number(amount: Decimal) -> int | float:
    return int(amount) if amount == amount.to_integral_value() else float(amount)
