"""The pages: what they show, in which state, and what they never show."""

import asyncio
import sqlite3
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from handlers.pages.progress import progress_of
from handlers.render import core_amount, iso_time
from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.model.chain import ChainStatus
from jobs.model.job import Job
from jobs.model.operators import Alert, Difference
from jobs.model.readable import duration, host
from jobs.model.transaction import Kind, SignedTransaction
from tests.harness.program import keys_of
from tests.harness.serving import CHAIN_STATUS, CLIENT, NOW, Serving, broadcast, hold, pay, register, serving, settle

GOOD = "New accounts are being registered"
SPENT = "The daily budget of 2,500 TEST is spent: it goes on at midnight UTC, or when daily_budget is raised."
BAD = "New accounts have to wait"


class Page(HTMLParser):
    """A page taken apart: its text, what it loads or links to, what is written in the wrong place."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.inline: list[str] = []
        self.feed(source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.links += [value for name, value in attrs if name in ("href", "src", "action") and value]
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in given):
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


async def page(served: Serving, path: str) -> Page:
    reply = await served.fetch(path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    return Page(reply.body)


async def test_pages_need_nothing_but_this_server(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        for path in ("/", "/status", f"/jobs/{job.id}"):
            shown = await page(served, path)
            assert [link for link in shown.links if not link.startswith("/")] == []
            assert shown.inline == []
            for link in shown.links:
                assert (await served.fetch(link)).status == 200


@pytest.mark.parametrize("path", ["/", "/status", "/nothing", "/static/style.css"])
async def test_headers_that_keep_others_out(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        headers = (await served.fetch(path)).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert headers["Referrer-Policy"] == "same-origin"


async def test_first_page_has_an_example_that_works_on_this_chain(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        shown = await page(served, "/")
        assert GOOD in shown.text
        assert f"curl 'http://127.0.0.1:{served.port}/api/v1/accounts?dry_run=1'" in shown.text
        body = shown.text.split("-d '")[1].split("'")[0]
        reply = await served.fetch("/api/v1/accounts?dry_run=1", method="POST", body=body)
        assert (reply.status, reply.body["dry_run"]) == (200, True)


async def test_first_page_names_the_address_that_a_proxy_has(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        headers = {"Host": "faucet.example", "X-Forwarded-Proto": "https"}
        assert "https://faucet.example/api/v1" in (await served.fetch("/", headers=headers)).body


@pytest.mark.parametrize("path", ["/", "/status"])
@pytest.mark.parametrize(
    ("chain_status", "why"),
    [
        (ChainStatus(), "Chain: no node was reached yet"),
        (ChainStatus(last_error="node.example: refused <b>"), "Chain: node.example: refused <b>"),
        (ChainStatus(balance=5_14940, fee=5_14941, precision=5), "Balance: 5.1494 pays for 0 more signups at 5.14941"),
        (ChainStatus(head_block=7, head_time=NOW - 61), "Head: is out of sync: its head block is 61 seconds old"),
    ],
)
async def test_pages_say_why_nobody_can_register(
    tmp_path: Path, path: str, chain_status: ChainStatus, why: str
) -> None:
    async with serving(tmp_path, chain_status=chain_status) as served:
        shown = await page(served, path)
        assert BAD in shown.text
        assert why in shown.text


@pytest.mark.parametrize(("part", "name"), [("intake", "Intake"), ("drain", "Drain")])
async def test_pages_say_that_an_operator_paused(tmp_path: Path, part: str, name: str) -> None:
    async with serving(tmp_path) as served:
        await served.ledger.operators.pause(part, by="operator", reason="The chain is being upgraded.")
        await served.see()
        assert f"{name}: The chain is being upgraded." in (await page(served, "/status")).text
        ready = await served.fetch("/readyz")
        assert (ready.status, ready.body["checks"][name.lower()]["ok"]) == (503, False)


async def test_status_shows_jobs_money_and_chain(tmp_path: Path) -> None:
    async with serving(tmp_path, enable_initial_balance=True, initial_balance=Decimal(10)) as served:
        await served.sign_up("alice-1", headers=CLIENT)
        registered = await served.accept("bob-2")
        await register(served.ledger, registered)
        lost = await served.accept("eve-3")
        await served.ledger.drain.fail({lost.number: (Code.ACCOUNT_EXISTS, "Account exists")})
        shown = (await page(served, "/status")).text
        for part in (
            "3 accepted 1 registered",
            "the oldest for 0 s",
            "0.0 s median after acceptance; 95th percentile 0.0 s",
            "10,000 TEST pays for 651 signups; each costs 15.34941 TEST, 5.14941 TEST of it the fee",
            "217 days at 3 signups in the last 24 hours",
            "1,007 the head block, 2 s old; irreversible up to 1,000",
            "connected to node.example:8090, the operator's own; 0 failovers",
            "Today's budget 2,500 TEST left of 2,500 TEST, for 162 signups; spent since midnight UTC: 0 TEST",
            "Failures of the last 24 hours account_exists 1",
            "eve-3 failed account_exists",
            f"bob-2 registered 1.2.{registered.number} 0 s ago",
        ):
            assert part in shown
        assert not [hidden for hidden in ("192.0.2.1", "secret", *keys_of("alice-1").values()) if hidden in shown]


async def test_status_says_that_the_books_disagree(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert "disagree" not in (await page(served, "/status")).text
        await last_error(served.ledger)
        assert "Ledger and chain disagree in 1 place;" in (await page(served, "/status")).text


async def test_status_says_what_an_operator_must_decide(tmp_path: Path) -> None:
    """None of it keeps anybody from registering."""

    async with serving(tmp_path) as served:
        await hold(served.ledger, await served.accept("alice-1", "10"))
        await served.see(unconfirmed="Nothing is taken for final: the second node is away.", stranger=True)
        shown = (await page(served, "/status")).text
        for part in (
            "An initial balance is held: it expired, and one stranger's node alone says that no block holds it.",
            "Nothing is taken for final: the second node is away.",
            "connected to node.example:8090, a stranger's; 0 failovers",
        ):
            assert part in shown
        assert "switched off" not in shown
        await served.accept("bob-1", "10")
        assert "switched off, and an account waits for one" in (await page(served, "/status")).text
        lines = (await served.fetch("/metrics")).body.splitlines()
        gauges = ("payments_held", "payments_owed", "node_stranger", "unconfirmed", "ready")
        assert {f"faucet_{gauge} 1.0" for gauge in gauges} <= set(lines)


async def test_initial_balances_that_are_on_are_not_owed(tmp_path: Path) -> None:
    async with serving(tmp_path, enable_initial_balance=True, initial_balance=Decimal(10)) as served:
        await served.accept("alice-1", "10")
        assert "switched off" not in (await page(served, "/status")).text
        assert "faucet_payments_owed 0.0" in (await served.fetch("/metrics")).body.splitlines()


async def test_status_before_anything_is_known(tmp_path: Path) -> None:
    async with serving(tmp_path, chain_status=ChainStatus()) as served:
        shown = (await page(served, "/status")).text
        for part in ("unknown", "no block yet", "not connected", "nobody is waiting", "No signups yet."):
            assert part in shown


async def test_status_while_names_are_being_read(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.see(names_complete=False)
        assert "names are still being read" in (await page(served, "/status")).text


async def test_job_page_follows_its_job(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1", "12.5")
        seen = [await job_page(served, job.id)]
        await register(served.ledger, job)
        seen.append(await job_page(served, job.id))
        await pay(served.ledger, job)
        await settle(served.ledger)
        seen.append(await job_page(served, job.id))
        assert ["queued" in seen[0], "registered" in seen[1], "done" in seen[2]] == [True] * 3
        assert [f"1.2.{job.number}" in text for text in seen] == [False, True, True]
        assert ["data-events" in text for text in seen] == [True, True, False]
        assert not [key for key in keys_of("alice-1").values() if key in "".join(seen)]


async def test_job_page_says_why_it_failed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        job = await served.accept("alice-1")
        await served.ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "The chain said <no>.")})
        shown = await job_page(served, job.id)
        assert "The chain said &lt;no&gt;." in shown
        assert "<code>chain_refused</code>" in shown


async def job_page(served: Serving, job_id: str) -> str:
    reply = await served.fetch(f"/jobs/{job_id}")
    assert reply.status == 200
    return str(reply.body)


async def test_page_without_a_ledger_is_an_error_page(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        damage(tmp_path)
        reply = await served.fetch("/status")
        assert (reply.status, "please try again" in reply.body) == (503, True)


async def test_steps_of_a_job(tmp_path: Path) -> None:
    """A job without an initial balance does not pass through its payment."""

    async with serving(tmp_path) as served:
        for name, balance, way in (
            ("alice-1", None, ["Accepted", "Sent", "Registered", "Done"]),
            ("bob-1", "10", ["Accepted", "Sent", "Registered", "Paying", "Paid", "Done"]),
        ):
            job = await served.accept(name, balance)
            await broadcast(served.ledger, job)
            steps = progress_of(await served.job(name))
            assert [step.title for step in steps] == way
            assert [step.when for step in steps] == ["done", "now", *["later"] * (len(way) - 2)]


async def test_static_files_may_be_kept_as_long_as_they_are_the_same(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        shown = await page(served, "/")
        for link in {link for link in shown.links if link.startswith("/static/")}:
            kept = await served.fetch(link)
            assert int(kept.headers["Cache-Control"].removeprefix("max-age=")) > 86_400
            again = await served.fetch(link, headers={"If-None-Match": kept.headers["Etag"]})
            assert (again.status, again.body) == (304, "")
            assert (await served.fetch(link.split("?")[0])).headers["Cache-Control"] == "no-store"


async def test_ready(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch("/readyz")
        assert (reply.status, reply.body["ready"]) == (200, True)
        assert {name: check["text"] for name, check in reply.body["checks"].items()} == {
            "ledger": "writable",
            "chain": "connected to node.example:8090",
            "head": "block 1007 is 2 seconds old",
            "registrar": "faucet is a lifetime member",
            "key": "TEST5bPp signs for faucet",
            "balance": "10,000 TEST pays for 1941 more signups at 5.14941 TEST",
            "budget": "2,500 TEST are left of today's budget of 2,500 TEST, for 485 more signups",
            "drain": "open",
            "intake": "open",
            "queue": "nobody is waiting",
        }


@pytest.mark.parametrize(
    ("change", "name", "text"),
    [
        ({"connected": False, "last_error": "node.example: on the chain 00…"}, "chain", "on the chain 00"),
        ({"head_time": NOW - 61}, "head", "61 seconds old"),
        ({"registrar_id": None}, "registrar", "no account faucet"),
        ({"registrar_member": False}, "registrar", "not a lifetime member"),
        ({"key_matches": False}, "key", "does not match the active authority"),
        ({"balance": 9 * 5_14941}, "balance", "pays for 9 more"),
        ({"budget": None}, "budget", "not known yet"),
        ({"budget": 5_14940}, "budget", "daily_budget is 5.1494 TEST, and one signup takes 5.14941 TEST"),
        ({"waiting": "No irreversible block was followed yet."}, "drain", "No irreversible block was followed yet."),
    ],
)
async def test_not_ready(tmp_path: Path, change: dict[str, Any], name: str, text: str) -> None:
    async with serving(tmp_path, chain_status=replace(CHAIN_STATUS, **change), ready_signups=10) as served:
        reply = await served.fetch("/readyz")
        failing = {name: check["text"] for name, check in reply.body["checks"].items() if not check["ok"]}
        assert (reply.status, list(failing)) == (503, [name])
        assert text in failing[name]


async def test_not_ready_while_a_signup_waits_too_long(tmp_path: Path) -> None:
    time = float(NOW)
    async with serving(tmp_path, clock=lambda: time, max_head_age=10_000) as served:
        await served.accept("alice-1")
        time += 300
        assert (await served.fetch("/readyz")).status == 200
        time += 1
        reply = await served.fetch("/readyz")
        assert reply.body["checks"]["queue"] == {"ok": False, "text": "The oldest signup has waited for 5 min."}


async def test_signup_that_was_put_off_is_no_sign_of_a_queue(tmp_path: Path) -> None:
    time = float(NOW)
    async with serving(tmp_path, clock=lambda: time, max_head_age=10_000) as served:
        first, second = await served.accept("premium"), await served.accept("alice-1")
        await served.ledger.drain.defer({first.number: "Its name costs too much."}, 60)
        time += 301
        assert (await served.fetch("/readyz")).body["checks"]["queue"]["ok"] is False
        await served.ledger.drain.defer({second.number: "Two nodes disagree."}, 60)
        assert (await served.fetch("/readyz")).body["checks"]["queue"] == {"ok": True, "text": "nobody is waiting"}
        assert "Waiting 2 all deferred" in (await page(served, "/status")).text


async def test_readiness_shows_what_is_left_of_the_budget(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await spend(served.ledger, await served.accept("alice-1"), 2_494_85059)
        assert (await served.fetch("/readyz")).body["checks"]["budget"] == {
            "ok": True, "text": "5.14941 TEST are left of today's budget of 2,500 TEST, for 1 more signup",
        }  # fmt: skip
        await spend(served.ledger, await served.accept("bob-1"), 1)
        check = (await served.fetch("/readyz")).body["checks"]["budget"]
        assert check == {"ok": False, "text": SPENT}


async def spend(ledger: Ledger, job: Job, cost: int) -> None:
    """Sign a registration of `job` that takes `cost`, satoshi, of the day's budget."""
    number = job.number
    draft = SignedTransaction(
        Kind.REGISTRATION, f"{number:040x}", f"of {number}", "{}", 1, NOW + 60, (number,), (cost,), cost
    )
    await ledger.drain.record_signed([draft])


async def test_ledger_that_is_not_writable_is_noticed_within_a_second(tmp_path: Path) -> None:
    """The check writes, so it is made once a second at the most, however many ask."""

    time = float(NOW)
    async with serving(tmp_path, clock=lambda: time) as served:
        assert (await served.fetch("/readyz")).status == 200
        damage(tmp_path, "facts")
        replies = await asyncio.gather(*(served.fetch("/readyz") for _ in range(5)))
        assert [reply.status for reply in replies] == [200] * 5
        time += 1
        reply = await served.fetch("/readyz")
        assert (reply.status, reply.body["checks"]["ledger"]["ok"]) == (503, False)
        assert (await served.fetch("/healthz")).status == 200


async def test_metrics_of_the_chain(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await served.accept("alice-1")
        await last_error(served.ledger)
        await served.see()
        text = (await served.fetch("/metrics")).body
        for line in (
            "faucet_registrar_balance 10000.0",
            "faucet_account_fee 5.14941",
            "faucet_chain_connected 1.0",
            "faucet_chain_head_block 1007.0",
            "faucet_chain_head_age_seconds 2.0",
            'faucet_jobs{state="queued"} 1.0',
            'faucet_jobs{state="done"} 0.0',
            "faucet_chain_failovers 0.0",
            'faucet_paused{part="drain"} 1.0',
            'faucet_paused{part="intake"} 0.0',
            "faucet_oldest_job_seconds 0.0",
            "faucet_signups_paid 1941.0",
            "faucet_runway_days 1941.0",
            "faucet_daily_budget 2500.0",
            "faucet_budget_left 2500.0",
            "faucet_max_fee 10.29882",
            "faucet_payments_held 0.0",
            "faucet_payments_owed 0.0",
            "faucet_node_stranger 0.0",
            "faucet_unconfirmed 0.0",
            "faucet_ready 0.0",
            'faucet_alert{name="drain"} 1.0',
            'faucet_alert{name="balance"} 0.0',
            "faucet_mails_waiting 1.0",
            "faucet_reconciled_block 7.0",
            "faucet_differences 1.0",
        ):
            assert line in text.splitlines()
        await served.see(ChainStatus())
        assert "faucet_registrar_balance NaN" in (await served.fetch("/metrics")).body


async def last_error(ledger: Ledger) -> None:
    """Let everything be wrong that is not the chain's."""
    await ledger.pauses.auto_pause("No money.")
    alert = Alert("drain", "No money.", NOW, NOW, NOW)
    await ledger.outbox.save_alerts([alert], ended=[], mails=[("subject", "body")])
    number = await ledger.reconciliation.begin(1)
    difference = Difference(5, "unknown_account", "bob-1", "The registrar registered bob-1.")
    await ledger.reconciliation.save_compared(number, 1, 7, [difference], registrations=1, payments=0)


def damage(folder: Path, table: str = "job_counts") -> None:
    """Take what the ledger needs away beneath it."""
    connection = sqlite3.connect(folder / "faucet.db")
    connection.execute(f"DROP TABLE {table}")
    connection.close()


@pytest.mark.parametrize(
    ("satoshi", "precision", "shown"),
    [
        (514_941, 5, "5.14941 TEST"),
        (500_000, 5, "5 TEST"),
        (99_999_999, 5, "999.99999 TEST"),
        (123_456_789, 5, "1,234 TEST"),
        (0, 5, "0 TEST"),
        (7, 0, "7 TEST"),
        (None, 5, "unknown"),
        (5, None, "unknown"),
    ],
)
def test_amounts(satoshi: int | None, precision: int | None, shown: str) -> None:
    assert core_amount(satoshi, precision, CHAIN_STATUS.symbol) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-1, "0 s"),
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7_199, "119 min"),
        (7_200, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


def test_times_are_rfc_3339_with_milliseconds() -> None:
    assert iso_time(1_767_323_045_678) == "2026-01-02T03:04:05.678Z"
    assert iso_time(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize(
    ("url", "shown"),
    [("ws://a.example:8090/x", "a.example:8090"), ("wss://me:secret@[::1]/", "[::1]"), (None, "")],
)
def test_of_a_node_only_the_host_is_shown(url: str | None, shown: str) -> None:
    assert host(url) == shown
