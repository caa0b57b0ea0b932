"""What a signup must keep to now, by the settings and what is known of the chain."""

from collections.abc import Callable, Mapping

from handlers.base import AppContext
from handlers.http.client import Address
from jobs.budget import is_premium_too_dear, retry_after
from jobs.errors import Code, FaucetError
from jobs.model.job import Limits, Quota
from jobs.signup import SignupRules
from jobs.ways.lists import Reason, error_of_name
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


def limits_of(
    context: AppContext,
    address: str | None,
    *,
    invite: str | None,
    work: Quota | FaucetError | None,
    api_key: str | None,
    origin: str | None,
) -> Limits:
    """The limits that the ledger applies to a signup from `address`, from a page of `origin`.

    It came with the code of an invitation, with proof of work, and with an API key, of which this has the hash. An
    address of None is exempt from the limits of networks, a `work` of None from work.
    """
    settings = context.settings
    payment = settings.payment
    return Limits(
        queue=settings.queue_limit,
        quotas=() if address is None else network_quotas(address, settings.minIPAge, settings.limits),
        work=work,
        invite=invite,
        needs_invitation=settings.invitation == "required",
        api_key=api_key,
        origin=origin,
        initial_balance=None if payment is None else f"{payment:f}",
        retry_after=retry_after(settings.queue_limit, context.snapshot.registration_rate),
    )


def check_client(context: AppContext, client: Callable[[], Address | None]) -> None:
    """Raises FaucetError denied if a list denies the network of `client`; paused where no list could be read."""
    lists = context.lists.now
    if not lists.networks_deny.networks:  # then nobody need know the client
        return
    address = client()
    if address is not None and lists.denies_network(address):
        context.metrics.denied(Reason.NETWORK).inc()
        raise FaucetError(Code.DENIED, "Signups are not accepted from this network.")


def check_listed(context: AppContext, name: str, referrer: str | None = None) -> None:
    """Raises FaucetError invalid_name or unknown_referrer if a list denies the name or the referrer."""
    lists = context.lists.now
    if (reason := lists.name_refusal(name)) is not None:
        context.metrics.denied(reason).inc()
        raise error_of_name(reason)
    if referrer is not None and lists.denies_referrer(referrer):
        context.metrics.denied(Reason.REFERRER).inc()
        raise FaucetError(Code.UNKNOWN_REFERRER, "This referrer is not accepted here.", field="referrer")


def check_encoding(headers: Mapping[str, str]) -> None:
    """Raises FaucetError unsupported_media_type for a compressed body: a small one could become a huge one."""
    if headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise FaucetError(Code.UNSUPPORTED_MEDIA_TYPE, "Please send the signup as it is, without compression.")
