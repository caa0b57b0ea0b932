"""A dry run: a signup gets every check, nothing is kept, and the reply shows the operation that would be sent."""

import asyncio

from handlers.base import AppContext
from handlers.render import accepted_account
from handlers.replies import SignupReply
from jobs.model.chain import ReferrerAnswer
from jobs.model.job import Limits, Signup
from jobs.template import named_accounts, preview

ANSWER_INTERVAL = 0.05  #: seconds between two looks at whether the chain's owner has answered


async def dry_run(context: AppContext, signup: Signup, limits: Limits) -> SignupReply:
    """The reply to `signup`. Raises FaucetError with the codes of `Ledger.accept`."""
    settings, ledger = context.settings, context.ledger
    await ledger.signups.check(signup, limits)
    answer = await _referrer_answer(context, signup.referrer or "")
    names = named_accounts(settings) | ({signup.referrer} if signup.referrer else set())
    ids = await ledger.names.account_ids(names)
    operation = preview(signup, settings, context.snapshot.chain_status, ids, answer)
    referrer = (signup.referrer or settings.default_referrer) if answer is None else answer.name
    return SignupReply(accepted_account(signup, referrer), dry_run=True, operation=list(operation))


async def _referrer_answer(context: AppContext, referrer: str) -> ReferrerAnswer | None:
    """The referrer that the chain's owner would name for `referrer`; None if it does not answer in time."""
    ledger, loop = context.ledger, asyncio.get_running_loop()
    deadline = loop.time() + (context.answer_wait if context.snapshot.chain_status.connected else 0)
    answer = await ledger.referrers.answer(referrer)
    if answer is None and loop.time() < deadline:
        await ledger.referrers.ask(referrer)
    while answer is None and loop.time() < deadline:
        await asyncio.sleep(ANSWER_INTERVAL)
        answer = await ledger.referrers.answer(referrer)
    return answer
