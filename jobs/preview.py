"""What would be sent for a signup, for those who only want to know."""

from collections.abc import Mapping
from typing import Any

from chain.fees import AccountCreateFee
from chain.packing import Operation
from chain.transactions import operation_size
from jobs.model.chain import ChainFacts, ReferrerAnswer
from jobs.model.job import Signup
from jobs.settings import Settings
from jobs.template import Terms, named_accounts


def preview(
    signup: Signup, settings: Settings, facts: ChainFacts, ids: Mapping[str, str], answer: ReferrerAnswer | None
) -> Operation:
    """The account_create that `signup` would become now, by the `answer` of the chain's owner.

    Without one, by what is known of the chain without asking it: then the referrer may be one that would give way, the
    fee is that of a name of usual length, and an account whose id in `ids` is not known yet is named instead.
    """
    known: dict[str, Any] = {name: ids.get(name, name) for name in named_accounts(settings)}
    terms, referrer = Terms(settings, known), signup.referrer or settings.default_referrer
    if answer is None or facts.prefix is None or not named_accounts(settings) <= ids.keys():
        return terms.operation(signup, ids.get(referrer, referrer), facts.fee or 0)
    # The chain counts an operation without the byte that says which one it is.
    size = operation_size(terms.operation(signup, answer.account_id), facts.prefix) - 1
    return terms.operation(signup, answer.account_id, AccountCreateFee(*answer.fee).required(signup.name, size))
