"""The pages' links to a block explorer."""

from html.parser import HTMLParser
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.settings import load
from tests.harness.ledger_states import raise_every_alarm
from tests.harness.operators import operated
from tests.harness.serving import Serving, broadcast, hold, register, settle

EXPLORER = "https://explorer.example/#"
URLS = {
    "explorer_url": f"{EXPLORER}/accounts/{{name}}",
    "explorer_block_url": f"{EXPLORER}/blocks/{{number}}",
    "explorer_transaction_url": f"{EXPLORER}/txs/{{id}}",
}


class Outward(HTMLParser):
    """The links of a page that lead elsewhere, with their attributes."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.links: dict[str, dict[str, str | None]] = {}
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        by_name = dict(attrs)
        target = by_name.get("href") or ""
        if tag == "a" and not target.startswith("/"):
            self.links[target.removeprefix(EXPLORER)] = by_name


async def with_jobs(served: Serving) -> dict[str, str]:
    """The id of a job by its name: one done, one on its way, one queued, one whose initial balance is held."""
    jobs = {name: await served.accept(f"{name}-1") for name in ("done", "sent", "queued")}
    jobs["held"] = await served.accept("held-1", "10")
    await register(served.ledger, jobs["done"])
    await settle(served.ledger)
    await broadcast(served.ledger, jobs["sent"])
    await hold(served.ledger, jobs["held"])
    await raise_every_alarm(served.ledger)
    return {name: job.id for name, job in jobs.items()}


async def transactions_of(ledger: Ledger, job_id: str) -> list[str]:
    job = await ledger.queries.job(job_id)
    assert job is not None
    return [signed.transaction.id for signed in await ledger.search.signed_for(job)]


async def test_pages_link_accounts_blocks_and_transactions(tmp_path: Path) -> None:
    async with operated(tmp_path, **URLS) as (served, operator):
        ids = await with_jobs(served)
        done = await served.job("done-1")
        block = f"/blocks/{done.block_num}"
        (transaction,) = await transactions_of(served.ledger, ids["done"])
        of_done = {"/accounts/done-1", block, f"/txs/{transaction}"}
        head = {"/blocks/1007", "/blocks/1000"}
        expected = {
            "/": set[str](),
            "/status": {"/accounts/done-1", "/accounts/held-1", *head},
            f"/jobs/{ids['done']}": of_done,
            f"/jobs/{ids['sent']}": set(),
            f"/jobs/{ids['queued']}": set(),
            "/admin": {"/accounts/held-1", "/blocks/5", *head},
            "/admin/jobs": {"/accounts/done-1", "/accounts/held-1"},
            f"/admin/jobs/{ids['queued']}": set(),
        }
        for path, links in expected.items():
            reply = await operator.see(path)
            outward = Outward(reply.body).links
            assert set(outward) == links, path
            assert {link["rel"] for link in outward.values()} <= {"noopener noreferrer"}
            assert "explorer" not in reply.headers["Content-Security-Policy"]
        assert set(Outward((await operator.see(f"/admin/jobs/{ids['done']}")).body).links) >= of_done
        held = Outward((await operator.see(f"/admin/jobs/{ids['held']}")).body).links
        assert "/accounts/held-1" in held
        sent = Outward((await operator.see(f"/admin/jobs/{ids['sent']}")).body).links
        assert set(sent) == {"/blocks/1000"}, "no block holds its transaction, which refers to one"


async def test_audit_links_the_block_that_is_followed_anew(tmp_path: Path) -> None:
    async with operated(tmp_path, **URLS) as (served, operator):
        await with_jobs(served)
        await served.ledger.operators.refollow(by="ann", reason="It was made up.")
        (entry,) = [each for each in await served.ledger.operators.audit() if each.what == "refollow"]
        assert set(Outward((await operator.see("/admin/audit")).body).links) == {f"/blocks/{entry.target}"}


@pytest.mark.parametrize("configured", [(), ("explorer_url",), ("explorer_block_url",)])
async def test_what_has_no_url_has_no_link(tmp_path: Path, configured: tuple[str, ...]) -> None:
    async with operated(tmp_path, **{key: URLS[key] for key in configured}) as (served, operator):
        ids = await with_jobs(served)
        kinds = {"explorer_url": "accounts", "explorer_block_url": "blocks"}
        for path in ("/status", "/admin", f"/jobs/{ids['done']}", f"/admin/jobs/{ids['done']}"):
            links = Outward((await operator.see(path)).body).links
            assert {link.split("/")[1] for link in links} == {kinds[key] for key in configured}


async def test_json_has_no_link(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"explorer_url: {URLS['explorer_url']}")
    urls = {key: getattr(load(tmp_path / "config.yaml", {}), key) for key in URLS}
    assert urls == URLS
    async with operated(tmp_path, **urls) as (served, operator):
        ids = await with_jobs(served)
        for path in (f"/api/v1/jobs/{ids['done']}", "/readyz", "/api/v1/accounts/done-1"):
            assert "explorer" not in str((await operator.see(path)).body)
