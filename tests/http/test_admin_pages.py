"""What operators see."""

from pathlib import Path

import pytest

from handlers.admin.timeline import timeline
from jobs.errors import Code
from jobs.model.job import Job
from jobs.model.operators import Alert
from tests.harness.ledger_states import drop_table
from tests.harness.operators import operated
from tests.harness.pages import GOOD, Page
from tests.harness.program import keys_of
from tests.harness.serving import NOW, Serving, broadcast, pay, register, settle


async def with_all_states(served: Serving) -> dict[str, Job]:
    """A job in each state, by its name."""
    jobs = {
        name: await served.accept(f"{name}-1", "10" if name in ("funding", "funded") else None)
        for name in ("done", "registered", "funding", "broadcast", "queued", "failed", "cancelled")
    }
    await register(served.ledger, jobs["done"])
    await settle(served.ledger)
    await register(served.ledger, jobs["registered"])
    await register(served.ledger, jobs["funding"])
    await pay(served.ledger, jobs["funding"])
    await broadcast(served.ledger, jobs["broadcast"])
    await served.ledger.drain.fail({jobs["failed"].number: (Code.CHAIN_REFUSED, "The chain said <no>.")})
    await served.ledger.operators.cancel([jobs["cancelled"].id], by="ann", reason="It was only a try.")
    return jobs


async def test_admin_pages_need_nothing_but_this_server(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        jobs = await with_all_states(served)
        for path in ("/admin", "/admin/jobs", "/admin/audit", *(f"/admin/jobs/{job.id}" for job in jobs.values())):
            shown = Page((await operator.see(path)).body)
            assert [link for link in shown.links if not link.startswith("/")] == []
            assert shown.inline == []


async def test_dashboard_says_whether_it_can_register_and_what_stands_still(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        shown = Page((await operator.see("/admin")).body).text
        assert GOOD in shown
        assert "Intake open New signups are accepted." in shown
        # Another process pauses; this one has not looked since.
        await served.ledger.pauses.auto_pause("The fee is <b>high</b>.")
        shown = Page((await operator.see("/admin")).body).text
        assert "Drain: The fee is <b>high</b>." in shown
        assert "Drain paused The fee is <b>high</b>. By faucet, since 2027-01-15 08:00:00 UTC" in shown
        assert "Resume drain" in shown
        assert "Pause drain" not in shown


async def test_dashboard_shows_open_alerts(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        since = NOW * 1000
        alert = Alert("balance", "The balance is <low>.", since, since, since)
        await served.ledger.outbox.save_alerts([alert], ended=[], mails=[])
        shown = Page((await operator.see("/admin")).body).text
        assert "The balance is <low>. Since 2027-01-15 08:00:00 UTC" in shown


async def test_jobs_are_listed_and_lead_to_older_ones(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        assert "There is no job yet." in (await operator.see("/admin/jobs")).body
        for number in range(1, 53):
            await served.accept(f"al-{number}")
        first = Page((await operator.see("/admin/jobs")).body)
        assert ("al-52" in first.text, "al-2 " in first.text, "Newer" in first.text) == (True, False, False)
        (older,) = [link for link in first.links if "before=" in link]
        second = Page((await operator.see(older)).body)
        assert ("al-2 " in second.text, "al-3 " in second.text, "Older" in second.text) == (True, False, False)
        (newer,) = [link for link in second.links if "after=" in link]
        assert Page((await operator.see(newer)).body).text == first.text


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("search=don", ["done-1"]),
        ("search=d&state=done", ["done-1"]),
        ("state=cancelled", ["cancelled-1"]),
        ("search=zz", []),
        ("search=%3Cb%3E", []),
    ],
)
async def test_jobs_are_searched(tmp_path: Path, query: str, names: list[str]) -> None:
    async with operated(tmp_path) as (served, operator):
        jobs = await with_all_states(served)
        reply = await operator.see(f"/admin/jobs?{query}")
        assert (reply.status, "<b>" in reply.body) == (200, False)
        shown = Page(reply.body).text
        assert [job.signup.name for job in jobs.values() if f"{job.signup.name} " in shown] == names
        assert ("No job was found." in shown) is (not names)


@pytest.mark.parametrize("query", ["state=lost", "before=x", "after=-1", f"before={'9' * 30}", "search=%ff"])
async def test_nonsense_in_the_address_is_a_bad_request(tmp_path: Path, query: str) -> None:
    async with operated(tmp_path) as (_, operator):
        assert (await operator.see(f"/admin/jobs?{query}")).status == 400


async def test_job_is_shown_with_all_that_is_known_of_it(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        job = await served.accept("alice-1", "12.5")
        await served.ledger.operators.cancel([job.id], by="ann", reason="Was <it> you?")
        await served.ledger.operators.retry([job.id], by="bob", reason="It was.")
        await register(served.ledger, job)
        await pay(served.ledger, job)
        await settle(served.ledger)
        reply = await operator.see(f"/admin/jobs/{job.id}")
        shown = Page(reply.body).text
        for part in (
            "alice-1 done",
            "Account 1.2.1 Block 1,001, irreversible Initial balance 12.5 TEST",
            "Accepted The signup was on disk",
            "Registered Account 1.2.1 is in block 1,001.",
            "Initial balance irreversible Block 1,501 holds it for good.",
            "Done All of it is irreversible.",
            "Cancel by ann Was <it> you?",
            "Retry by bob It was.",
            "Fee for this job 0.00001 TEST Serves this job only Refers to block 1,000",
            "Full text {}",
            *keys_of("alice-1").values(),
        ):
            assert part in shown
        assert "<it>" not in reply.body


@pytest.mark.parametrize(
    ("state", "offered"),
    [
        ("done", []),
        ("registered", []),
        ("funding", []),
        ("broadcast", []),
        ("queued", ["Cancel", "Fail"]),
        ("failed", ["Retry"]),
        ("cancelled", ["Retry"]),
    ],
)
async def test_only_what_can_be_done_is_offered(tmp_path: Path, state: str, offered: list[str]) -> None:
    async with operated(tmp_path) as (served, operator):
        job = (await with_all_states(served))[state]
        source = (await operator.see(f"/admin/jobs/{job.id}")).body
        actions = [action for action in ("Retry", "Cancel", "Fail") if f">{action}</button>" in source]
        assert actions == offered
        assert ("data-events" in source) is (state not in ("done", "failed", "cancelled"))


async def test_job_that_is_none(tmp_path: Path) -> None:
    async with operated(tmp_path) as (_, operator):
        assert (await operator.see("/admin/jobs/nothing")).status == 404


async def test_timeline_of_what_went_wrong(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, _):
        job = await served.accept("alice-1")
        ledger = served.ledger
        await ledger.drain.refuse(await broadcast(ledger, job), rejected={job.number: (Code.CHAIN_REFUSED, "No.")})
        events = timeline(await served.job("alice-1"), await ledger.search.signed_for(job), [])
        assert [(event.title, event.tone) for event in events] == [
            ("Accepted", "done"),
            ("Registration signed", "done"),
            ("Registration refused", "bad"),
            ("Failed", "bad"),
        ]


async def test_timeline_is_in_order_of_time(tmp_path: Path) -> None:
    time = 0.0
    async with operated(tmp_path, clock=lambda: time) as (served, _):
        job = await served.accept("alice-1")
        for action in (served.ledger.operators.cancel, served.ledger.operators.retry):
            time += 1
            await action([job.id], by="ann", reason="x")
        time += 1
        await broadcast(served.ledger, job)
        audit = await served.ledger.operators.audit(target=job.id)
        events = timeline(await served.job("alice-1"), await served.ledger.search.signed_for(job), audit)
        assert [(event.at, event.title) for event in events] == [
            (0, "Accepted"),
            (1000, "Cancel by ann"),
            (2000, "Retry by ann"),
            (3000, "Registration signed"),
        ]


async def test_audit_is_shown_page_by_page(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        for number in range(1, 51):
            await served.ledger.operators.pause("drain", by=f"ann{number:02}", reason="<x>")
        first = await operator.see("/admin/audit")
        assert ("ann50" in first.body, "login" in first.body, "<x>" in first.body) == (True, False, False)
        (older,) = [link for link in Page(first.body).links if "before=" in link]
        second = Page((await operator.see(older)).body)
        assert ("login" in second.text, "ann01" in second.text, "Older" in second.text) == (True, False, False)
        assert "/admin/audit" in second.links


async def test_admin_page_without_a_ledger_is_an_error_page(tmp_path: Path) -> None:
    async with operated(tmp_path) as (_, operator):
        drop_table(tmp_path, "jobs")
        assert (await operator.see("/admin/jobs")).status == 503
