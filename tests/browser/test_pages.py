"""Every page of a paused faucet, with a signup in each stable state."""

from collections.abc import Iterator, Mapping

import pytest

from tests.browser.chromium import Browser
from tests.browser.looks import assert_sound
from tests.browser.operator import log_in
from tests.browser.site import Site, open_site
from tests.harness.program import keys_of

STATES = ("done", "failed", "cancelled", "queued")
OF_EVERYBODY = {"about": "/", "status": "/status", "nothing": "/nothing/here", "login": "/admin"}
OF_OPERATORS = {
    "dashboard": "/admin",
    "list": "/admin/jobs",
    "found none": "/admin/jobs?search=nobody",
    "audit": "/admin/audit",
    "sessions": "/admin/sessions",
    "no job": "/admin/jobs/0",
}
#: The structure of a page, without the times, which change between two reads.
PARTS = "h1, h2, h3, th, dt, label, .tag, button:not([data-copy])"

Jobs = Mapping[str, str]


@pytest.fixture(scope="module")
def jobs(site: Site) -> Jobs:
    """The id of a job in each of STATES, on a faucet whose drain is paused."""
    done = site.sign_up("page-done")
    site.job(done, until="done")
    site.control("stall", True)
    site.control("register", "page-failed", keys_of("stranger")["owner_key"])
    failed = site.sign_up("page-failed")
    site.control("stall", False)
    site.job(failed, until="failed")
    site.do(site.ledger.operators.pause("drain", by="someone", reason="The registrar's key is being changed."))
    cancelled, queued = site.sign_up("page-cancelled"), site.sign_up("page-queued")
    site.wait_ready(ready=False)
    site.do(site.ledger.operators.cancel([cancelled], by="someone", reason="The wallet was only tried out."))
    return dict(zip(STATES, (done, failed, cancelled, queued), strict=True))


@pytest.mark.parametrize("path", OF_EVERYBODY.values(), ids=list(OF_EVERYBODY))
@pytest.mark.usefixtures("jobs")
def test_public_page(browser: Browser, site: Site, path: str) -> None:
    assert_readable(browser, f"{site.url}{path}")


@pytest.mark.parametrize("state", STATES)
def test_job_page(browser: Browser, site: Site, jobs: Jobs, state: str) -> None:
    assert_readable(browser, f"{site.url}/jobs/{jobs[state]}")


@pytest.mark.parametrize("path", OF_OPERATORS.values(), ids=list(OF_OPERATORS))
@pytest.mark.usefixtures("jobs")
def test_admin_page(browser: Browser, site: Site, path: str) -> None:
    log_in(browser, site.url)
    assert_readable(browser, f"{site.url}{path}")


@pytest.mark.parametrize("state", STATES)
def test_admin_job_page(browser: Browser, site: Site, jobs: Jobs, state: str) -> None:
    log_in(browser, site.url)
    assert_readable(browser, f"{site.url}/admin/jobs/{jobs[state]}")


@pytest.fixture
def site_without_operators(running: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("closed")) as made:
        yield made
        assert running.problems(made.url) == []


def test_page_without_operators(running: Browser, site_without_operators: Site) -> None:
    running.start_anew()
    assert_readable(running, f"{site_without_operators.url}/admin")


def assert_readable(browser: Browser, address: str) -> None:
    """The page is sound, and made of the same parts without scripts."""
    browser.open(address)
    context = browser.texts(PARTS)
    assert context
    assert_sound(browser)
    with browser.without_scripts():
        browser.open(address)
        assert browser.texts(PARTS) == context
