"""Compares the three records: the replies that clients got, the ledger, the chain."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.load import ClientRecord
from tests.chaos.records import ChainRecord, LedgerRecord, Registration

SETTLED = ("irreversible", "refused", "expired")


@dataclass(frozen=True)
class Records:
    """The three records, and what is needed to compare them."""

    clients: Sequence[ClientRecord]
    ledger: LedgerRecord
    chain: ChainRecord
    claimed: Collection[str]  #: names that somebody else registered, or tried to
    payment: int  #: the initial balance, satoshi
    balance: int  #: the registrar's initial balance, satoshi


def differences(records: Records) -> list[str]:
    """One sentence for each entry that is missing, surplus or different."""
    return [
        *_answers(records),
        *_jobs(records),
        *_registrations(records),
        *_payments(records),
        *_transactions(records),
        *_balance(records),
    ]


def _answers(records: Records) -> Iterator[str]:
    """Every reply was true and still is."""
    jobs = {job["id"]: job for job in records.ledger.jobs}
    wanted = Counter(client.wish.name for client in records.clients)
    for client in records.clients:
        name = client.wish.name
        yield from (f"{name}: answered {surprise}" for surprise in client.surprises)
        if client.exists and name not in records.claimed and wanted[name] == 1:
            yield f"{name}: answered account_exists, but nobody else wanted it"
        for job_id in client.jobs:
            job = jobs.get(job_id)
            if job is None:
                yield f"{name}: job {job_id} was answered 200 and is not in the ledger"
            elif {field: job[field] for field in ("name", *client.keys)} != {"name": name, **client.keys}:
                yield f"{name}: job {job_id} has another name or other keys than were signed up"
            elif not _same(client.ends.get(job_id), job):
                yield f"{name}: job {job_id} is shown as {client.ends.get(job_id)}, the ledger has {_short(job)}"


def _same(payload: Any, job: dict[str, Any]) -> bool:
    fields = ("state", "account_id", "block_num", "code")
    return payload is not None and [payload[field] for field in fields] == [job[field] for field in fields]


def _jobs(records: Records) -> Iterator[str]:
    """Every job has ended: with its account and balance, or because somebody else has the name."""
    accounts = {registration.account_id: registration for registration in records.chain.registrations}
    payments = defaultdict(list)
    for payment in records.chain.payments:
        payments[payment.account_id].append(payment.amount)
    wanted = Counter(client.wish.name for client in records.clients)
    for job in records.ledger.jobs:
        if job["state"] == "failed":
            if job["code"] != "account_exists" or (job["name"] not in records.claimed and wanted[job["name"]] == 1):
                yield f"{job['name']}: failed for no reason: {_short(job)}"
        elif job["state"] != "done":
            yield f"{job['name']}: has not ended: {_short(job)}"
        elif not _is_its_account(job, accounts.get(job["account_id"])):
            yield f"{job['name']}: done, but the chain has {accounts.get(job['account_id'])}"
        elif payments[job["account_id"]] != [records.payment]:
            yield f"{job['name']}: paid {payments[job['account_id']]} instead of {records.payment} once"


def _is_its_account(job: dict[str, Any], account: Registration | None) -> bool:
    if account is None:
        return False
    return account.name == job["name"] and account.keys == {field: job[field] for field in account.keys}


def _registrations(records: Records) -> Iterator[str]:
    """Every account belongs to one job."""
    done = {job["name"]: job["account_id"] for job in records.ledger.jobs if job["state"] == "done"}
    for name, times in Counter(each.name for each in records.chain.registrations).items():
        if times > 1:
            yield f"{name}: registered {times} times"
    for each in records.chain.registrations:
        if done.get(each.name) != each.account_id:
            yield f"{each.name}: registered as {each.account_id}, and no job is done with that"


def _payments(records: Records) -> Iterator[str]:
    """Every transfer belongs to a job."""
    done = {job["account_id"] for job in records.ledger.jobs if job["state"] == "done"}
    for payment in records.chain.payments:
        if payment.account_id not in done:
            yield f"{payment.account_id}: paid {payment.amount}, and no job is done with that"


def _transactions(records: Records) -> Iterator[str]:
    """The ledger and the chain hold the same transactions in the same blocks."""
    final = {row["signature"]: row["block_num"] for row in records.ledger.transactions if row["fate"] == "irreversible"}
    for row in records.ledger.transactions:
        if row["fate"] not in SETTLED:
            yield f"transaction {row['id']}: still {row['fate']}"
    for signature in final.keys() | records.chain.blocks.keys():
        if final.get(signature) != records.chain.blocks.get(signature):
            yield (
                f"transaction with signature {signature[:16]}…: in block {records.chain.blocks.get(signature)} of the "
                f"chain, {final.get(signature)} by the ledger"
            )


def _balance(records: Records) -> Iterator[str]:
    """The registrar's balance is right to the last satoshi."""
    missing = records.balance - records.chain.spent - records.chain.balance
    if missing:
        yield f"the registrar: {missing} satoshi less than the start less fees and balances"


def _short(job: dict[str, Any]) -> dict[str, Any]:
    return {field: job[field] for field in ("id", "state", "account_id", "code", "reason")}
