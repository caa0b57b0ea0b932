"""What a test makes of a ledger: a spent budget, every alarm at once, a lost table, all that can be in one."""

import sqlite3
from pathlib import Path

from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.api_key import NewApiKey, hash_of_key
from jobs.model.invitation import NewInvitation
from jobs.model.job import Job, Limits
from jobs.model.operators import Alert, Difference
from jobs.model.transaction import Kind, SignedTransaction
from tests.harness.ledgers import block, from_address, signed_transaction, signup
from tests.harness.serving import NOW

API_KEY = f"faucet_{'0' * 32}"


async def spend(ledger: Ledger, job: Job, cost: int) -> None:
    """Sign a registration of `job` that takes `cost`, satoshi, of the day's budget."""
    number = job.number
    transaction = SignedTransaction(
        Kind.REGISTRATION, f"{number:040x}", f"of {number}", "{}", 1, NOW + 60, (number,), (cost,), cost
    )
    await ledger.drain.record_signed([transaction])


async def raise_every_alarm(ledger: Ledger) -> None:
    """Pause the drain, raise an alert and record a difference."""
    await ledger.pauses.auto_pause("No money.")
    alert = Alert("drain", "No money.", NOW, NOW, NOW)
    await ledger.outbox.save_alerts([alert], ended=[], mails=[("subject", "body")])
    number = await ledger.reconciliation.begin(1)
    difference = Difference(5, "unknown_account", "bob-1", "The registrar registered bob-1.")
    await ledger.reconciliation.save_compared(number, 1, 7, [difference], registrations=1, payments=0)


def drop_table(folder: Path, table: str = "job_counts") -> None:
    """Damage the ledger's file: `table` is gone."""
    connection = sqlite3.connect(folder / "faucet.db")
    connection.execute(f"DROP TABLE {table}")
    connection.close()


async def reach_every_state(ledger: Ledger) -> None:
    """A job in each state, and rows in every table."""
    limits = Limits(queue=99, initial_balance="2.5")
    names = ("done", "funded", "funding", "registered", "broadcast", "failed", "cancelled", "queued")
    jobs = [await ledger.signups.accept(signup(f"{name}-1", email=f"{name}@ü.example"), limits) for name in names]
    *_, failed, cancelled, _queued = jobs
    sign, follow, finalize = ledger.drain.record_signed, ledger.blocks.follow, ledger.blocks.finalize
    registrations = await sign([signed_transaction(Kind.REGISTRATION, [job], f"r{job.number}") for job in jobs[:5]])
    await follow([block(1, *registrations[:4], accounts=(("stranger-1", "1.2.7"),))], 0)
    payments = await sign([signed_transaction(Kind.FUNDING, [job], f"p{job.number}") for job in jobs[:3]])
    await follow([block(2, *payments[:2])], 0)
    await finalize([(registrations[0], ["1.2.101"])])
    await finalize([(payments[0], [None])])
    await ledger.drain.fail({failed.number: (Code.CHAIN_REFUSED, "no \U0001f600")})
    await ledger.operators.cancel([cancelled.id], by="ann", reason="a test")
    await raise_every_alarm(ledger)
    await _fill_the_rest(ledger)


async def _fill_the_rest(ledger: Ledger) -> None:
    await ledger.signups.accept(signup("client-1"), from_address("192.0.2.1"))
    await ledger.invitations.make(["0" * 16], NewInvitation(uses=2, note="Class 7b"), by="ann")
    await ledger.signups.accept(signup("invited-1"), Limits(queue=99, invite="0" * 16))
    await ledger.api_keys.create(API_KEY, NewApiKey("Wallet", origins=("https://wallet.example",)), by="ann")
    with_key = Limits(queue=99, api_key=hash_of_key(API_KEY), origin="https://wallet.example")
    await ledger.signups.accept(signup("integrated-1"), with_key)
    spender = await ledger.signups.accept(signup("spender-1"), Limits(queue=99))
    await spend(ledger, spender, 2**62)
    await ledger.spending.open_day(2**62, agreed=True)
    await ledger.pins.save({"chain_id": "aa", "prefix": "TEST"}, agreed=False)
    await ledger.pins.save_lowest_fees({"transfer": 2**53 + 1}, agreed=True)
    await ledger.names.save_page([("listed-1", "1.2.9"), ("lísted-2", "1.2.10")], "listed-1", "wss://stranger")
    await ledger.referrers.ask("")
    await ledger.referrers.ask("referrer-1")
    await ledger.login_failures.count("192.0.2.9")
    await ledger.sessions.open("a session", who="ann", key_id="key")
    await ledger.check_writable()
