"""What would be sent for a signup, for those who only want to know."""

from collections.abc import Mapping
from typing import Any

from chain.packing import Operation
from jobs.config import Settings
from jobs.model import ChainFacts, Signup
from jobs.terms import Terms, named_accounts


def preview(signup: Signup, settings: Settings, facts: ChainFacts, ids: Mapping[str, str]) -> Operation:
    """The account_create that `signup` would become, by what is known of the chain without asking it.

    An account whose id in `ids` is not known yet is named instead.
    """
    known: dict[str, Any] = {name: ids.get(name, name) for name in named_accounts(settings)}
    referrer = signup.referrer or settings.default_referrer
    return Terms(settings, known).operation(signup, ids.get(referrer, referrer), facts.fee or 0)
