"""What a signup must keep to now, by the settings and what is known of the chain."""

from tornado.httputil import HTTPHeaders

from handlers.base import AppContext
from jobs.budget import is_premium_too_dear, retry_after
from jobs.errors import Code, FaucetError
from jobs.model.job import Limits
from jobs.signup import SignupRules
from jobs.ways.networks import network_quotas


def rules_of(context: AppContext) -> SignupRules:
    """The rules for its fields."""
    settings, chain_status = context.settings, context.snapshot.chain_status
    return SignupRules(
        prefix=chain_status.prefix,
        allow_premium=not settings.disable_premium_names and not is_premium_too_dear(chain_status),
        reserved_ending=chain_status.reserved_ending,
        required_fields=settings.require_fields,
    )


def limits_of(context: AppContext, address: str | None, invite: str | None) -> Limits:
    """The limits that the ledger applies to a signup from `address`, which came with the code of an invitation.

    An address of None is exempt from the limits of networks.
    """
    settings = context.settings
    payment = settings.payment
    return Limits(
        queue=settings.queue_limit,
        quotas=() if address is None else network_quotas(address, settings.minIPAge, settings.limits),
        invite=invite,
        needs_invitation=settings.invitation == "required",
        initial_balance=None if payment is None else f"{payment:f}",
        retry_after=retry_after(settings.queue_limit, context.snapshot.registration_rate),
    )


def check_encoding(headers: HTTPHeaders) -> None:
    """Raises FaucetError unsupported_media_type for a compressed body: a small one could become a huge one."""
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FaucetError(Code.UNSUPPORTED_MEDIA_TYPE, "Please send the signup as it is, without compression.")
