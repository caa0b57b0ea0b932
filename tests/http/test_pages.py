"""The pages: what they show, in which state, and what they never show."""

from decimal import Decimal
from pathlib import Path

import pytest

from handlers.pages.progress import progress_of
from jobs.errors import Code
from jobs.model.chain import ChainStatus
from tests.harness.ledger_states import drop_table, raise_every_alarm
from tests.harness.pages import BAD, GOOD, page
from tests.harness.program import keys_of
from tests.harness.serving import CLIENT, NOW, Serving, broadcast, hold, pay, register, serving, settle


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


async def test_status_reports_differences_from_the_chain(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert "disagree" not in (await page(served, "/status")).text
        await raise_every_alarm(served.ledger)
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
        drop_table(tmp_path)
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
