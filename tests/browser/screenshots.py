"""Takes screenshots of every page of a healthy faucet, on each device, light and dark.

They go to docs/screenshots, where git keeps the three that the README shows.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobs.ledger.processes import this_process
from jobs.model.job import State
from jobs.model.owner import Candidate
from tests.browser.beside import beside
from tests.browser.chromium import LOOKS, Browser, chromium
from tests.browser.month import CHAIN_STATUS, Clock, Month
from tests.browser.newcomer import make_sheet, open_signup
from tests.browser.operator import log_in
from tests.harness.operators import HASH
from tests.harness.program import ROOT
from tests.harness.serving import serving

FOLDER = ROOT / "docs" / "screenshots"
SCALES = {"phone": 1.0, "desktop": 0.75}  #: small files that are still legible
LEASE = 10.0  #: seconds
PAGES = {"about": "/", "signup": "/signup", "status": "/status", "error": "/nothing/here", "login": "/admin"}
OPERATORS_PAGES = {
    "admin": "/admin",
    "admin-jobs": "/admin/jobs",
    "admin-invitations": "/admin/invitations",
    "admin-api-keys": "/admin/api-keys",
    "admin-audit": "/admin/audit",
    "admin-sessions": "/admin/sessions",
}


def main() -> None:
    """Take them all."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, faucet_of_a_month(Path(folder)) as pages, chromium() as browser:
        url, job_id = pages
        photograph(browser, url, PAGES | {"job": f"/jobs/{job_id}"})
        photograph_sheet(browser, url)
        log_in(browser, url)
        photograph_codes(browser, url)
        photograph(browser, url, OPERATORS_PAGES | {"admin-job": f"/admin/jobs/{job_id}"})


def photograph(browser: Browser, url: str, pages: Mapping[str, str]) -> None:
    """Take each of the pages, path by name, in every look."""
    for page, path in pages.items():
        browser.open(f"{url}{path}")
        photograph_as_it_is(browser, page)


def photograph_sheet(browser: Browser, url: str) -> None:
    """Take the signup page with a recovery sheet: of a password that nobody uses."""
    open_signup(browser, url)
    make_sheet(browser, "ada-lovelace")
    photograph_as_it_is(browser, "signup-sheet")


def photograph_codes(browser: Browser, url: str) -> None:
    """Take the page with new invitations."""
    browser.open(f"{url}/admin/invitations")
    browser.fill("count", "3")
    browser.fill("note", "Class 7b")
    browser.press("Make invitations")
    photograph_as_it_is(browser, "admin-invitation-codes")


def photograph_as_it_is(browser: Browser, page: str) -> None:
    """Take the page that is open in every look."""
    for look in LOOKS:
        browser.look(look)
        (FOLDER / f"{page}-{look}.png").write_bytes(browser.picture(SCALES[look.device]))


@contextmanager
def faucet_of_a_month(folder: Path) -> Iterator[tuple[str, str]]:
    """The address of a faucet that has registered for a month, and the id of a job that is in a block."""
    clock = Clock()
    settings: dict[str, Any] = {"signup_page": True, "admin_password_hash": HASH}
    application = serving(folder, clock=clock, chain_status=CHAIN_STATUS, **settings)
    with beside() as loop, loop.opened(application) as served:
        loop.do(Month(served.ledger, clock).live())
        loop.do(served.ledger.lease.acquire(Candidate("faucet-1", this_process()), LEASE))
        loop.do(served.see(CHAIN_STATUS))
        job, *_ = loop.do(served.ledger.queries.jobs(state=State.REGISTERED, limit=1))
        yield f"http://127.0.0.1:{served.port}", job.id


if __name__ == "__main__":
    main()
