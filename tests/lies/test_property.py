"""Whatever a node says, the registrar pays on the honest chain only what it owes: fees under the ceiling, balances due.

LIES_EXAMPLES sets how many random campaigns of each kind run; without it the same few run every time.
"""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings

from jobs.model.job import Job, State
from tests.chaos.records import ChainRecord
from tests.harness.lying.campaign import BALANCE, BUDGET, PAYMENT, ROUNDS, Campaign, Outcome
from tests.harness.lying.grammar import REGISTRAR, Step, campaigns
from tests.harness.lying.lies import DeniedBroadcasts, Fees, FreeNames, HiddenTransactions, NoResults
from tests.harness.program import keys_of

EXAMPLES = int(os.environ.get("LIES_EXAMPLES", "0"))
BY_CHANCE = settings(
    max_examples=EXAMPLES or 10,
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

#: Twice what each operation costs on the honest chain at first, satoshi; no campaign changes it.
MAX_REGISTRATION, MAX_TRANSFER, MAX_ASSERTION = 2 * 516_000, 2 * 2_000_000, 2 * 516_000
REFERRER = "1.2.8"
GUARD = 120  #: seconds that bound a campaign that would hang


@pytest.mark.parametrize(
    ("second", "contact"),
    [(False, True), (True, True), (True, False)],
    ids=["alone after an honest first contact", "beside an honest node", "at the first contact, beside an honest node"],
)
@example(steps=[Step(0, HiddenTransactions(REGISTRAR))])
@example(steps=[Step(0, HiddenTransactions(REGISTRAR)), Step(0, DeniedBroadcasts("unknown op number")), Step(4, None)])
@example(steps=[Step(0, Fees(times=2)), Step(0, HiddenTransactions(REGISTRAR)), Step(1, FreeNames()), Step(4, None)])
@example(steps=[Step(0, NoResults())])
@BY_CHANCE
@given(steps=campaigns("wallet-*", rounds=ROUNDS))
def test_no_lie_costs_more_than_is_owed(second: bool, contact: bool, steps: Sequence[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        campaign = Campaign(steps, second=second, contact=contact)
        outcome = asyncio.run(asyncio.wait_for(campaign.run(Path(folder)), GUARD))
    wallets = {job.signup.name for job in outcome.jobs}
    record = outcome.days[-1]
    _check_money(outcome)
    _check_registrations(record, wallets)
    _check_payments(record, wallets)
    if second:
        _check_done(record, outcome.jobs)


def _check_money(outcome: Outcome) -> None:
    """The balance fell by what is in the blocks; on each day the ledger had recorded that much, within the budget."""
    for record in outcome.days:
        assert BALANCE - record.balance == record.spent
    spent = [0, *(record.spent for record in outcome.days)]
    for (before, after), committed in zip(pairwise(spent), outcome.committed, strict=True):
        assert after - before <= committed <= BUDGET


def _check_registrations(record: ChainRecord, wallets: Collection[str]) -> None:
    """Each account is a signup's, with its keys, and names nobody but the configured referrer."""
    for each in record.registrations:
        assert each.name in wallets
        assert each.keys == keys_of(each.name)
        assert each.others <= {REFERRER}
        assert each.fee <= MAX_REGISTRATION
    assert all(fee <= MAX_ASSERTION for fee in record.assertions)


def _check_payments(record: ChainRecord, wallets: Collection[str]) -> None:
    """Each payment is the balance due to a signup's account, and the only one to it."""
    names = {each.account_id: each.name for each in record.registrations}
    for each in record.payments:
        assert names[each.account_id] in wallets
        assert each.amount == PAYMENT
        assert each.fee <= MAX_TRANSFER
    assert max(Counter(each.account_id for each in record.payments).values(), default=0) <= 1


def _check_done(record: ChainRecord, jobs: Sequence[Job]) -> None:
    """Each job that is done has its account and its balance on the chain."""
    ids = {each.name: each.account_id for each in record.registrations}
    paid = {each.account_id for each in record.payments}
    for job in jobs:
        if job.state is State.DONE:
            assert ids[job.signup.name] == job.account_id
            assert job.account_id in paid
