"""Operators' actions, in the browser."""

import pytest

from jobs.errors import Code
from jobs.model.api_key import hash_of_key
from jobs.model.job import Limits, Signup
from tests.browser.chromium import Browser
from tests.browser.looks import assert_sound
from tests.browser.operator import log_in
from tests.browser.site import Site
from tests.harness.operators import PASSWORD
from tests.harness.program import keys_of


def test_wrong_password_is_refused(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/admin")
    browser.fill("name", "maria")
    browser.fill("password", f"not {PASSWORD}")
    browser.press("Log in")
    assert "password" in browser.text("[role=alert]")
    assert_sound(browser)
    browser.open(f"{site.url}/admin/jobs")
    assert browser.texts("[name=password]")
    log_in(browser, site.url)
    browser.wait_text("You are logged in as maria.")


@pytest.mark.parametrize("key", ["name", "id", "account_id", "transaction_id"])
def test_job_is_found(browser: Browser, site: Site, key: str) -> None:
    name = f"find-{key.replace('_', '-')}-1"
    job = site.job(site.sign_up(name), until="done")
    log_in(browser, site.url)
    browser.open(f"{site.url}/admin/jobs")
    browser.fill("search", job[key])
    browser.press("Search")
    assert len(browser.texts("tbody tr")) == 1
    browser.follow(name)
    assert browser.address == f"{site.url}/admin/jobs/{job['id']}"
    browser.wait_text(job["transaction_id"])


def test_failed_job_is_retried_and_done(browser: Browser, site: Site) -> None:
    site.do(site.ledger.operators.pause("drain", by="ann", reason="Nothing leaves before it fails."))
    job_id = site.sign_up("retry-1")
    (job,) = site.do(site.ledger.queries.jobs(name="retry-1"))
    site.do(site.ledger.drain.fail({job.number: (Code.CHAIN_REFUSED, "The chain will not have it.")}))
    site.do(site.ledger.operators.resume("drain", by="ann"))
    log_in(browser, site.url)
    browser.open(f"{site.url}/admin/jobs/{job_id}")
    browser.fill("reason", "The node was mended.")
    browser.press("Retry")
    browser.wait_text("The job is queued again.")
    browser.wait(lambda: browser.text("#live .tag") == "done")
    browser.wait_text("The node was mended.")
    assert_sound(browser)


def test_invitations_are_made_and_revoked(browser: Browser, site: Site) -> None:
    log_in(browser, site.url)
    browser.follow("Invitations")
    browser.fill("count", "2")
    browser.fill("note", "Class 7b")
    assert_sound(browser)
    browser.press("Make invitations")
    codes = browser.wait(lambda: browser.texts(".codes code"))
    assert len(codes) == 2
    assert_sound(browser)
    browser.follow("All invitations")
    browser.follow(f"{codes[1][:4]}-…")
    assert "Class 7b" in browser.text("dl")
    assert_sound(browser)
    browser.press("Revoke the invitation")
    browser.wait_text("The invitation is revoked.")
    assert_sound(browser)


def test_api_key_is_created_used_and_revoked(browser: Browser, site: Site) -> None:
    log_in(browser, site.url)
    browser.follow("API keys")
    browser.fill("name", "Wallet with a name that is longer than a phone is wide")
    browser.fill("origins", "https://wallet.example https://a-very-long-name-of-another-wallet.example:8443")
    assert_sound(browser)
    browser.press("Create the key")
    key = browser.wait(lambda: browser.text("#key"))
    assert_sound(browser)
    limits = Limits(queue=1000, api_key=hash_of_key(key), origin="https://wallet.example")
    site.do(site.ledger.signups.accept(Signup("keyed-1", **keys_of("keyed-1")), limits))
    browser.follow("All API keys")
    assert_sound(browser)
    browser.follow("Wallet with a name that is longer than a phone is wide")
    assert ["keyed-1" in browser.text("main"), key in browser.text("main")] == [True, False]
    assert_sound(browser)
    browser.press("Revoke the API key")
    browser.wait_text("The API key is revoked.")
    assert_sound(browser)


def test_forget_button_erases_personal_data(browser: Browser, site: Site) -> None:
    """They are markup, and longer than a phone is wide."""
    name = "forget-1"
    data = {"email": f"{'ann' * 40}@mail.example", "real_name": "<b id=bold>Ann</b>", "refcode": "code " * 40}
    signup = Signup(name, **keys_of(name), **data)
    job = site.do(site.ledger.signups.accept(signup, Limits(queue=1000)))
    site.job(job.id, until="done")
    log_in(browser, site.url)
    browser.open(f"{site.url}/admin/jobs/{job.id}")
    browser.wait_text(data["real_name"])
    assert_sound(browser)
    assert browser.texts("#bold") == []
    browser.fill("reason", "Asked to by mail.")
    browser.press("Forget")
    browser.wait_text("Signups whose personal data were erased: 1.")
    browser.wait_text("Asked to by mail.")
    assert data["real_name"] not in browser.text("main")
    assert_sound(browser)


def test_pause_button_stops_the_intake_until_it_is_resumed(browser: Browser, site: Site) -> None:
    log_in(browser, site.url)
    browser.fill("reason", "A new node is being set up.", "#intake")
    browser.press("Pause intake")
    browser.wait_text("A new node is being set up.")
    refused = site.post("paused-1")
    assert (refused.status, refused.body["error_code"]) == (503, "paused")
    assert int(refused.headers["Retry-After"]) > 0
    for page in ("/", "/status"):
        browser.open(f"{site.url}{page}")
        browser.wait_text("A new node is being set up.", ".state.bad")
    browser.open(f"{site.url}/admin")
    browser.press("Resume intake")
    assert site.post("paused-1").status == 200


def test_paused_drain_leaves_signups_queued_until_it_is_resumed(browser: Browser, site: Site) -> None:
    log_in(browser, site.url)
    browser.fill("reason", "The key is being changed.", "#drain")
    browser.press("Pause drain")
    job_id = site.sign_up("waiting-1")
    site.let_blocks_pass(5)
    assert site.job(job_id, until="queued")["attempts"] == 0
    browser.press("Resume drain")
    site.job(job_id, until="done")


def test_typed_reason_survives_a_refresh(browser: Browser, site: Site) -> None:
    """Also when the page around it changes."""
    log_in(browser, site.url)
    browser.fill("reason", "A reason that takes long to type", "#drain")
    site.do(site.ledger.operators.pause("intake", by="shell", reason="Paused elsewhere."))
    browser.wait_text("Paused elsewhere.")
    assert browser.script("return document.querySelector('#drain [name=reason]').value").startswith("A reason")
    site.do(site.ledger.operators.resume("intake", by="shell"))


def test_open_details_stay_open_across_a_refresh(browser: Browser, site: Site) -> None:
    site.control("stall", True)
    job_id = site.sign_up("unfolded-1")
    site.job(job_id, until="broadcast")
    log_in(browser, site.url)
    browser.open(f"{site.url}/admin/jobs/{job_id}")
    browser.click("summary")
    assert '"unfolded-1"' in browser.text("details pre")
    site.control("stall", False)
    browser.wait(lambda: browser.text("#live .tag") == "done")
    assert '"unfolded-1"' in browser.text("details pre")


def test_expired_session_shows_the_login(browser: Browser, site: Site) -> None:
    log_in(browser, site.url)
    browser.forget_cookies()
    browser.wait(lambda: browser.texts("[name=password]"))


def test_log_out_button_ends_the_session(browser: Browser, site: Site) -> None:
    log_in(browser, site.url)
    browser.press("Log out")
    browser.open(f"{site.url}/admin/jobs")
    assert browser.texts("[name=password]")
