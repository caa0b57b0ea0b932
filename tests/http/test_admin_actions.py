"""What operators do on their pages."""

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest

from handlers.spreadsheet import COLUMNS, csv_of_jobs
from jobs.blocks.expirer import HELD
from jobs.errors import Code
from jobs.model.job import Limits, Signup, State
from jobs.model.transaction import BlockEffects, Fate
from tests.harness.ledger_states import drop_table
from tests.harness.operators import operated
from tests.harness.pages import Page
from tests.harness.program import REGISTRAR_WIF, keys_of
from tests.harness.serving import CLIENT, broadcast, hold, pay, register

FREE = Limits(queue=1000)
PAYS = {"enable_initial_balance": True, "initial_balance": Decimal(10)}


async def test_paused_intake_refuses_signups_until_it_is_resumed(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        page = await operator.do("/admin/intake/pause", reason="A new <node>.")
        assert "The intake is paused." in page
        assert "A new &lt;node&gt;." in page
        assert "By ann" in page
        assert (await served.fetch("/readyz")).status == 503
        refused = await served.sign_up("alice-1", headers=CLIENT)
        assert (refused.status, refused.body["error_code"]) == (503, "paused")
        assert "The intake goes on." in await operator.do("/admin/intake/resume", reason="It is up.")
        assert (await served.sign_up("alice-1", headers=CLIENT)).status == 200
        kept = [(entry.who, entry.what, entry.target, entry.why) for entry in await served.ledger.operators.audit()]
        assert kept[:2] == [("ann", "resume", "intake", "It is up."), ("ann", "pause", "intake", "A new <node>.")]


async def test_intake_and_drain_are_paused_apart(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        await operator.do("/admin/drain/pause", reason="x")
        assert (await served.ledger.pauses.active()).keys() == {"drain"}
        await operator.do("/admin/intake/resume")
        assert (await served.ledger.pauses.active()).keys() == {"drain"}


@pytest.mark.parametrize(("reason", "sentence"), [(" ", "Please give a reason"), ("x" * 201, "at most 200 characters")])
async def test_pause_needs_a_reason_that_can_be_told(tmp_path: Path, reason: str, sentence: str) -> None:
    async with operated(tmp_path) as (served, operator):
        page = await operator.do("/admin/intake/pause", reason=reason)
        assert (sentence in page, 'role="alert"' in page) == (True, True)
        assert await served.ledger.pauses.active() == {}


async def test_reason_that_holds_a_private_key_is_not_kept(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        reply = await operator.send("/admin/intake/pause", reason=f"the key was {REGISTRAR_WIF}")
        assert (reply.status, "consider it exposed" in reply.body) == (422, True)
        assert REGISTRAR_WIF not in reply.body
        assert await served.ledger.pauses.active() == {}


async def test_what_was_done_is_told_once(tmp_path: Path) -> None:
    async with operated(tmp_path) as (_, operator):
        assert "The drain goes on." in await operator.do("/admin/drain/resume")
        assert "The drain goes on." not in (await operator.see("/admin")).body


@pytest.mark.parametrize(
    ("action", "state", "code"), [("cancel", State.CANCELLED, "cancelled"), ("fail", State.FAILED, "rejected")]
)
async def test_job_is_ended_and_retried(tmp_path: Path, action: str, state: State, code: str) -> None:
    async with operated(tmp_path) as (served, operator):
        job = await served.accept("alice-1")
        page = await operator.do(f"/admin/jobs/{job.id}/{action}", reason="No spam.")
        assert f"The job is {state}." in page
        ended = await served.job("alice-1")
        assert (ended.state, ended.code, ended.reason) == (state, code, "No spam.")
        assert "The job is queued again." in await operator.do(f"/admin/jobs/{job.id}/retry")
        assert (await served.job("alice-1")).state is State.QUEUED
        kept = [(entry.who, entry.what, entry.why) for entry in await served.ledger.operators.audit(target=job.id)]
        assert kept == [("ann", "retry", ""), ("ann", action, "No spam.")]


@pytest.mark.parametrize("action", ["cancel", "fail", "retry"])
async def test_what_can_not_be_done_says_why(tmp_path: Path, action: str) -> None:
    async with operated(tmp_path) as (served, operator):
        job = await served.accept("alice-1")
        await broadcast(served.ledger, job)
        page = await operator.do(f"/admin/jobs/{job.id}/{action}", reason="x")
        assert "is broadcast, so it can&#39;t be" in page
        assert (await served.job("alice-1")).state is State.BROADCAST


async def test_retry_of_a_name_that_was_signed_up_anew(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        job = await served.accept("alice-1")
        await served.ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "No.")})
        await served.accept("alice-1")
        page = await operator.do(f"/admin/jobs/{job.id}/retry")
        assert "A newer signup has the name" in page


async def test_forget_button_erases_personal_data_of_every_job_of_the_name(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        jobs = []
        for _ in range(2):
            signup = Signup("ann-1", **keys_of("ann-1"), email="ann@<b>.example", real_name="Ann Personal")
            jobs.append(await served.ledger.signups.accept(signup, FREE))
            await served.ledger.drain.fail({jobs[-1].number: (Code.CHAIN_REFUSED, "No.")})
        address = f"/admin/jobs/{jobs[0].id}"
        page = (await operator.see(address)).body
        assert ("ann@&lt;b&gt;.example" in page, "erased by themselves on" in page) == (True, True)

        page = await operator.do(f"{address}/forget", reason="Asked to.")

        assert "Signups whose personal data were erased: 2." in page
        assert ("Ann Personal" in page, f"{address}/forget" in page) == (False, False)
        assert "Forget by ann" in page
        kept = [(entry.who, entry.what, entry.target, entry.why) for entry in await served.ledger.operators.audit()]
        assert kept[:2] == [("ann", "forget", job.id, "Asked to.") for job in reversed(jobs)]
        assert "were erased: 0." in await operator.do(f"{address}/forget")


async def test_forget_of_a_job_that_is_not_there(tmp_path: Path) -> None:
    async with operated(tmp_path) as (_, operator):
        reply = await operator.send("/admin/jobs/nothing/forget")
        assert reply.status == 303
        assert (await operator.see(reply.headers["Location"])).status == 404


async def test_export_is_a_table_of_what_was_searched(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        for name in ("al-1", "al-2", "bo-1"):
            job = await served.accept(name)
        await register(served.ledger, await served.job("al-2"))
        reply = await operator.send("/admin/export", search="al", state="")
        assert (reply.status, reply.headers["Content-Disposition"]) == (200, 'attachment; filename="jobs.csv"')
        assert reply.headers["Content-Type"].startswith("text/csv")
        first, second = csv.DictReader(io.StringIO(reply.body))
        assert (first["name"], first["state"], first["account_id"]) == ("al-1", "queued", "")
        assert (second["name"], second["account_id"], second["block_num"]) == ("al-2", "1.2.2", "1002")
        assert first["created_at"] == "2027-01-15T08:00:00.000Z"
        assert not [key for key in keys_of("al-1").values() if key in reply.body]
        assert job.id not in reply.body
        (entry, _) = await served.ledger.operators.audit()
        assert (entry.who, entry.what, entry.why) == ("ann", "export", "al")


async def test_export_of_a_state_that_is_none(tmp_path: Path) -> None:
    async with operated(tmp_path) as (_, operator):
        assert (await operator.send("/admin/export", state="lost")).status == 400


async def test_no_cell_of_an_export_is_a_formula(tmp_path: Path) -> None:
    """A spreadsheet would run it on the operator's machine."""
    shown_as = {
        "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\uff1d1": "'\uff1d1",
        "\t=1": "'\t'=1", "\r=1": "'\r'=1", "\n=1": "\n'=1", " =1": " '=1", "\u3000-1": " '-1",
        "a;=1": "a;'=1", "a,+1": "a,'+1", "a|@b": "a|'@b", "a\t=1": "a\t'=1", 'a";"=1': "a\";\"'=1", "x'=1": "x''=1",
        "a=1": "a=1", "2-1": "2-1", 'say "hi", twice': 'say "hi", twice',
    }  # fmt: skip
    cells = [*shown_as]

    async def scenario() -> list[str]:
        async with operated(tmp_path) as (served, _):
            for number, cell in enumerate(cells):
                signup = Signup(f"al-{number:02}", **keys_of("al"), refcode=cell)
                await served.ledger.signups.accept(signup, Limits(100))
            return [lines async for lines in csv_of_jobs(served.ledger, "al", None, by="ann")]

    text = "".join(await scenario())
    head, *rows = csv.reader(io.StringIO(text, newline=""))
    every = io.StringIO(newline="")
    csv.writer(every, quoting=csv.QUOTE_ALL).writerows([head, *rows])
    assert text == every.getvalue(), "each cell is quoted"
    assert tuple(head) == COLUMNS
    shown = [row[COLUMNS.index("refcode")] for row in rows]
    assert shown == [*shown_as.values()]


async def test_export_is_read_in_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.spreadsheet.BATCH", 2)

    async def scenario() -> list[str]:
        async with operated(tmp_path) as (served, _):
            for number in range(5):
                await served.accept(f"al-{number}")
            return [lines async for lines in csv_of_jobs(served.ledger, "", None, by="ann")]

    context = await scenario()
    assert [lines.count("\r\n") for lines in context] == [1, 2, 2, 1]


async def test_export_that_breaks_off_does_not_look_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger becomes unreadable while a slow client has taken a part."""
    monkeypatch.setattr("handlers.spreadsheet.BATCH", 5)

    async with operated(tmp_path) as (served, operator):
        for number in range(100):
            signup = Signup(f"al-{number}", **keys_of("al"), refcode="x" * 200_000)
            await served.ledger.signups.accept(signup, Limits(1000))
        reader, writer = await served.connect()
        writer.write(operator.form("/admin/export"))
        begun = await reader.readexactly(5_000)
        assert (b" 200 " in begun, b"x" * 1_000 in begun) == (True, True)
        drop_table(tmp_path, "jobs")
        rest = await reader.read()
        writer.close()
        assert len(rest) < 100 * 200_000
        assert not rest.endswith(b"0\r\n\r\n")


async def test_held_payment_is_listed_and_released_by_an_operator(tmp_path: Path) -> None:
    async with operated(tmp_path, **PAYS) as (served, operator):
        job = await served.accept("alice-1", "10")
        transfer = await hold(served.ledger, job)
        dashboard = (await operator.see("/admin")).body
        assert "An initial balance is held" in dashboard
        assert f'<a href="/admin/jobs/{job.id}">alice-1</a>' in dashboard
        shown = (await operator.see(f"/admin/jobs/{job.id}")).body
        assert (HELD in Page(shown).text, "Check first whether 1.2.1 has received it" in shown) == (True, True)
        page = await operator.do(f"/admin/jobs/{job.id}/release", reason="It is in no block.")
        assert "The initial balance is released: it is paid anew." in page
        assert ">Release</button>" not in page
        assert "Release by ann" in page
        assert (await served.job("alice-1")).state is State.REGISTERED
        (_, released) = await served.ledger.search.signed_for(job)
        assert (released.transaction.id, released.transaction.fate) == (transfer.id, Fate.EXPIRED)
        entry = (await served.ledger.operators.audit())[0]
        assert (entry.who, entry.what, entry.target, entry.why) == ("ann", "release", job.id, "It is in no block.")


async def test_payment_that_is_not_held_is_not_released(tmp_path: Path) -> None:
    async with operated(tmp_path, **PAYS) as (served, operator):
        job = await served.accept("alice-1", "10")
        await register(served.ledger, job)
        await pay(served.ledger, job)
        assert ">Release</button>" not in (await operator.see(f"/admin/jobs/{job.id}")).body
        assert "is held." in await operator.do(f"/admin/jobs/{job.id}/release")
        assert (await served.job("alice-1")).state is State.FUNDED


async def test_owed_balances_are_waived_once_they_are_switched_off(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        assert "/admin/waive" not in (await operator.see("/admin")).body
        await register(served.ledger, await served.accept("alice-1", "10"))
        await served.accept("bob-1", "10")
        assert "Waive them" in (await operator.see("/admin")).body
        page = await operator.do("/admin/waive", reason="No more gifts.")
        assert ("Initial balances waived: 2." in page, "Waive them" in page) == (True, False)
        assert {(await served.job(name)).initial_balance for name in ("alice-1", "bob-1")} == {None}
        entry = (await served.ledger.operators.audit())[0]
        assert (entry.who, entry.what, entry.why) == ("ann", "waive", "No more gifts.")


async def test_balances_that_are_being_paid_are_not_waived(tmp_path: Path) -> None:
    async with operated(tmp_path, **PAYS) as (served, operator):
        await served.accept("alice-1", "10")
        assert "/admin/waive" not in (await operator.see("/admin")).body
        page = await operator.do("/admin/waive")
        assert "switch them off first" in page
        assert (await served.job("alice-1")).initial_balance == "10"


async def test_page_says_why_a_job_was_put_off(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        job = await served.accept("alice-1")
        await served.ledger.drain.defer({job.number: "Two nodes disagree about who has the name."}, 60)
        shown = Page((await operator.see(f"/admin/jobs/{job.id}")).body).text
        assert "Deferred Two nodes disagree about who has the name." in shown
        public = Page((await served.fetch(f"/jobs/{job.id}")).body).text
        assert "Deferred, will be retried: Two nodes disagree about who has the name." in public


async def test_audit_names_the_block_that_was_forgotten_first(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        await served.ledger.blocks.follow([BlockEffects(7, "07", {}, ())], 7)
        assert await served.ledger.operators.refollow(by="ann") == 1
        page = Page((await operator.see("/admin/audit")).body)
        assert ("refollow block 7" in page.text, "/admin/jobs/7" in page.links) == (True, False)
