"""Compares the three books: what clients were told, what the ledger says, what the chain holds."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.books import ChainBook, LedgerBook, Registration
from tests.chaos.load import Told

SETTLED = ("irreversible", "refused", "expired")


@dataclass(frozen=True)
class Books:
    """All that is compared."""

    told: Sequence[Told]
    ledger: LedgerBook
    chain: ChainBook
    taken: Collection[str]  #: names that somebody else took, or tried to
    payment: int  #: the initial balance, satoshi
    balance: int  #: what the registrar had in the beginning, satoshi


def differences(books: Books) -> list[str]:
    """Every entry that is missing, too much or different, a sentence each."""
    return [
        *_told(books),
        *_jobs(books),
        *_registrations(books),
        *_payments(books),
        *_transactions(books),
        *_balance(books),
    ]


def _told(books: Books) -> Iterator[str]:
    """Each answer was true, and still is."""
    jobs = {job["id"]: job for job in books.ledger.jobs}
    wanted = Counter(told.wish.name for told in books.told)
    for told in books.told:
        name = told.wish.name
        yield from (f"{name}: answered {surprise}" for surprise in told.surprises)
        if told.exists and name not in books.taken and wanted[name] == 1:
            yield f"{name}: told that it exists, but nobody else wanted it"
        for job_id in told.jobs:
            job = jobs.get(job_id)
            if job is None:
                yield f"{name}: job {job_id} was answered 200 and is not in the ledger"
            elif {field: job[field] for field in ("name", *told.keys)} != {"name": name, **told.keys}:
                yield f"{name}: job {job_id} has another name or other keys than were signed up"
            elif not _same(told.ends.get(job_id), job):
                yield f"{name}: job {job_id} is shown as {told.ends.get(job_id)}, the ledger has {_short(job)}"


def _same(shown: Any, job: dict[str, Any]) -> bool:
    fields = ("state", "account_id", "block_num", "code")
    return shown is not None and [shown[field] for field in fields] == [job[field] for field in fields]


def _jobs(books: Books) -> Iterator[str]:
    """Each job has ended: with its account and balance, or because somebody else has the name."""
    accounts = {registration.account_id: registration for registration in books.chain.registrations}
    payments = defaultdict(list)
    for payment in books.chain.payments:
        payments[payment.account_id].append(payment.amount)
    wanted = Counter(told.wish.name for told in books.told)
    for job in books.ledger.jobs:
        if job["state"] == "failed":
            if job["code"] != "account_exists" or (job["name"] not in books.taken and wanted[job["name"]] == 1):
                yield f"{job['name']}: failed without need: {_short(job)}"
        elif job["state"] != "done":
            yield f"{job['name']}: has not ended: {_short(job)}"
        elif not _is_its_account(job, accounts.get(job["account_id"])):
            yield f"{job['name']}: done, but the chain has {accounts.get(job['account_id'])}"
        elif payments[job["account_id"]] != [books.payment]:
            yield f"{job['name']}: paid {payments[job['account_id']]} instead of {books.payment} once"


def _is_its_account(job: dict[str, Any], account: Registration | None) -> bool:
    if account is None:
        return False
    return account.name == job["name"] and account.keys == {field: job[field] for field in account.keys}


def _registrations(books: Books) -> Iterator[str]:
    """No account without a job, and one account a job."""
    done = {job["name"]: job["account_id"] for job in books.ledger.jobs if job["state"] == "done"}
    for name, times in Counter(each.name for each in books.chain.registrations).items():
        if times > 1:
            yield f"{name}: registered {times} times"
    for each in books.chain.registrations:
        if done.get(each.name) != each.account_id:
            yield f"{each.name}: registered as {each.account_id}, and no job is done with that"


def _payments(books: Books) -> Iterator[str]:
    """No transfer without a job."""
    done = {job["account_id"] for job in books.ledger.jobs if job["state"] == "done"}
    for payment in books.chain.payments:
        if payment.account_id not in done:
            yield f"{payment.account_id}: paid {payment.amount}, and no job is done with that"


def _transactions(books: Books) -> Iterator[str]:
    """The ledger has every transaction in its block, and no other."""
    final = {row["signature"]: row["block_num"] for row in books.ledger.transactions if row["fate"] == "irreversible"}
    for row in books.ledger.transactions:
        if row["fate"] not in SETTLED:
            yield f"transaction {row['id']}: still {row['fate']}"
    for signature in final.keys() | books.chain.blocks.keys():
        if final.get(signature) != books.chain.blocks.get(signature):
            yield (
                f"transaction with signature {signature[:16]}…: in block {books.chain.blocks.get(signature)} of the "
                f"chain, {final.get(signature)} by the ledger"
            )


def _balance(books: Books) -> Iterator[str]:
    """To the last unit."""
    missing = books.balance - books.chain.spent - books.chain.balance
    if missing:
        yield f"the registrar: {missing} satoshi less than the start less fees and balances"


def _short(job: dict[str, Any]) -> dict[str, Any]:
    return {field: job[field] for field in ("id", "state", "account_id", "code", "reason")}
