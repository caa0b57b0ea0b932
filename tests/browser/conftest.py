"""One browser for all tests of this folder, and a faucet for each module."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Browser, chromium, missing_programs
from tests.browser.newcomer import open_signup
from tests.browser.relay import Relay, relayed
from tests.browser.site import Site, open_site
from tests.harness.operators import HASH

OPERATORS = {"admin_password_hash": HASH, "explorer_url": "https://explorer.example/#/accounts/{name}"}


@pytest.fixture(scope="session")
def running() -> Iterator[Browser]:
    for program in missing_programs():
        pytest.skip(f"{program} is not installed")
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(running: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:  # noqa: ARG001  # without a browser nobody looks at it
    with open_site(tmp_path_factory.mktemp("site"), signup_page=True, **OPERATORS) as made:
        yield made


@pytest.fixture
def browser(running: Browser, site: Site) -> Iterator[Browser]:
    """The browser of a new visitor. After each test, asserts that no page logged an error or contacted another host."""
    running.start_anew()
    yield running
    assert running.problems(site.url) == []


@pytest.fixture(scope="module")
def relay(site: Site) -> Iterator[Relay]:
    with site.beside.opened(relayed(site.url)) as made:
        yield made


@pytest.fixture
def newcomer(running: Browser, relay: Relay) -> Iterator[Browser]:
    """A new visitor at the signup page, behind the relay."""
    running.start_anew()
    open_signup(running, relay.url)
    running.script("sessionStorage.clear()")
    relay.sent.clear()
    open_signup(running, relay.url)
    yield running
    running.script("sessionStorage.clear()")
    assert running.problems(relay.url) == []
