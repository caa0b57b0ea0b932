"""A person without a wallet signs up, and something comes in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from jobs.settings import OPTIONAL_FIELDS
from tests.browser.chromium import Browser
from tests.browser.looks import assert_sound
from tests.browser.newcomer import (
    choose,
    keys_on_chain,
    make_sheet,
    open_signup,
    register,
    shown_sheet,
    visible_sheet,
    wait_registered,
)
from tests.browser.relay import Relay
from tests.browser.site import Site, open_site

PAUSE = "A new node is being set up."
NETWORK: dict[str, Any] = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


def test_sheet_of_a_name_stays_the_same(newcomer: Browser) -> None:
    first = make_sheet(newcomer, "frank-1")
    newcomer.click("#send [data-again]")
    other = make_sheet(newcomer, "frank-2")
    assert other.password != first.password
    assert "throw it away" in newcomer.text("#replaced")
    newcomer.click("#send [data-again]")
    assert make_sheet(newcomer, "frank-1") == first


def test_sheet_of_before_a_reload_is_used_or_given_up_by_choice(newcomer: Browser, site: Site, relay: Relay) -> None:
    first = make_sheet(newcomer, "grace-1")
    open_signup(newcomer, relay.url)
    assert "You have a sheet for grace-1" in newcomer.text("#resume")
    assert_sound(newcomer)
    choose(newcomer, "grace-1")
    newcomer.click("#make")
    assert visible_sheet(newcomer) == []
    newcomer.click("#resume-send")
    wait_registered(newcomer, "grace-1")
    assert keys_on_chain(site, "grace-1") == first.public_keys


def test_new_sheet_replaces_one_of_before_a_reload(newcomer: Browser, site: Site, relay: Relay) -> None:
    first = make_sheet(newcomer, "grace-2")
    open_signup(newcomer, relay.url)
    newcomer.click("#resume-forget")
    second = shown_sheet(newcomer)
    assert second.password != first.password
    register(newcomer)
    wait_registered(newcomer, "grace-2")
    assert keys_on_chain(site, "grace-2") == second.public_keys


def test_progress_goes_on_after_a_reload(newcomer: Browser, site: Site, relay: Relay) -> None:
    site.control("stall", True)
    make_sheet(newcomer, "heidi-1")
    register(newcomer)
    newcomer.wait(lambda: newcomer.texts("#progress .steps"))
    open_signup(newcomer, relay.url)
    newcomer.wait(lambda: newcomer.texts("#progress .steps"))
    site.control("stall", False)
    wait_registered(newcomer, "heidi-1")


def test_page_cannot_be_left_by_mistake_before_the_sheet_is_kept(newcomer: Browser) -> None:
    unload = "const event = new Event('beforeunload', { cancelable: true }); return dispatchEvent(event)"
    assert newcomer.script(unload) is True
    make_sheet(newcomer, "ivan-1")
    assert newcomer.script(unload) is False
    register(newcomer)
    wait_registered(newcomer, "ivan-1")
    assert newcomer.script(unload) is True


def test_invitation_of_the_address_is_sent(newcomer: Browser, relay: Relay) -> None:
    """As a QR code leads there. This one is nobody's."""
    newcomer.open("about:blank")
    newcomer.open(f"{relay.url}/signup#invite=7KQ2-M0XV-9T3B-HW5D")
    newcomer.wait(lambda: newcomer.texts("#steps:not([hidden])"))
    make_sheet(newcomer, "judy-7")
    register(newcomer)
    newcomer.wait(lambda: "There is no such invitation." in newcomer.texts("#sentence"))
    assert b'"invite":"7KQ2-M0XV-9T3B-HW5D"' in relay.sent
    expect_failures(newcomer, relay, "422")


def test_name_taken_meanwhile_makes_the_sheet_worthless(newcomer: Browser, site: Site, relay: Relay) -> None:
    first = make_sheet(newcomer, "judy-1")
    assert site.post("judy-1").status == 200
    register(newcomer)
    newcomer.wait_text("Account exists: somebody was faster.", "#problem")
    assert "judy-1 is not registered" in newcomer.texts("#doing")
    assert newcomer.texts("#resend:not([hidden])") == []
    assert_sound(newcomer)
    newcomer.click("#back")
    second = make_sheet(newcomer, "judy-2")
    assert second.password != first.password
    register(newcomer)
    wait_registered(newcomer, "judy-2")
    expect_failures(newcomer, relay, "409")


def test_throttled_signup_says_when_it_may_be_sent_again(newcomer: Browser, relay: Relay) -> None:
    newcomer.command("Network.setExtraHTTPHeaders", headers={"X-Forwarded-For": "192.0.2.7"})
    try:
        make_sheet(newcomer, "ken-1")
        register(newcomer)
        wait_registered(newcomer, "ken-1")
        newcomer.click("#back")
        make_sheet(newcomer, "ken-2")
        register(newcomer)
        newcomer.wait_text("Only one account per IP. You can send it again at ", "#problem")
        assert newcomer.script("return document.getElementById('resend').disabled")
        assert newcomer.texts("#account.there") == []
        assert_sound(newcomer)
    finally:
        newcomer.command("Network.setExtraHTTPHeaders", headers={})
    assert relay.sent.count(b"POST /api/v1/accounts ") == 2
    expect_failures(newcomer, relay, "429")


def test_signup_that_got_no_reply_is_sent_again_with_the_same_keys(newcomer: Browser, site: Site, relay: Relay) -> None:
    sheet = make_sheet(newcomer, "lena-1")
    with offline(newcomer):
        register(newcomer)
        newcomer.wait_text("The faucet does not answer. Is this device online? Sending it again is safe", "#problem")
        newcomer.wait(lambda: newcomer.script("return document.getElementById('live').classList.contains('stale')"))
    newcomer.click("#resend")
    wait_registered(newcomer, "lena-1")
    assert keys_on_chain(site, "lena-1") == sheet.public_keys
    expect_failures(newcomer, relay, "ERR_INTERNET_DISCONNECTED")


def test_signup_that_somebody_turns_away_from_is_found_again(newcomer: Browser, site: Site, relay: Relay) -> None:
    make_sheet(newcomer, "lena-2")
    newcomer.command("Network.emulateNetworkConditions", **{**NETWORK, "latency": 2000})
    register(newcomer)
    newcomer.click("#back")
    newcomer.command("Network.emulateNetworkConditions", **NETWORK)
    newcomer.wait(lambda: '"job":"' in newcomer.script("return sessionStorage.getItem('signups')"))
    assert newcomer.texts("[data-in=choose]:not([hidden]) #choose h2") == ["Choose a name"]
    assert site.do(site.ledger.queries.jobs(name="lena-2"))
    open_signup(newcomer, relay.url)
    wait_registered(newcomer, "lena-2")


@contextmanager
def offline(browser: Browser) -> Iterator[None]:
    """Cut the browser's network."""
    browser.command("Network.emulateNetworkConditions", **{**NETWORK, "offline": True})
    try:
        yield
    finally:
        browser.command("Network.emulateNetworkConditions", **NETWORK)


def expect_failures(browser: Browser, relay: Relay, error: str) -> None:
    """The console reports just that."""
    problems = browser.problems(relay.url)
    assert problems
    assert [problem for problem in problems if error not in problem] == []


def test_paused_intake_closes_the_page_until_it_is_resumed(newcomer: Browser, site: Site, relay: Relay) -> None:
    sheet = make_sheet(newcomer, "mia-1")
    newcomer.click("#send [name=kept]")
    site.do(site.ledger.operators.pause("intake", by="someone", reason=PAUSE))
    site.wait_ready(ready=False)
    newcomer.click("#register")
    newcomer.wait_text(f"Signups are paused: {PAUSE} You can send it again at ", "#problem")
    newcomer.wait_text(PAUSE, ".state.bad")
    assert_sound(newcomer)
    open_signup(newcomer, relay.url)
    assert newcomer.script("return document.getElementById('make').disabled")
    assert newcomer.script("return document.getElementById('resume-send').disabled")
    site.do(site.ledger.operators.resume("intake", by="someone"))
    newcomer.wait(lambda: not newcomer.script("return document.getElementById('resume-send').disabled"))
    newcomer.click("#resume-send")
    wait_registered(newcomer, "mia-1")
    assert keys_on_chain(site, "mia-1") == sheet.public_keys
    expect_failures(newcomer, relay, "503")


@pytest.fixture
def demanding(running: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A faucet that requires every field, and refuses as the predecessor did."""
    settings = {"signup_page": True, "require_fields": [*OPTIONAL_FIELDS], "old_clients": True}
    with open_site(tmp_path_factory.mktemp("demanding"), **settings) as made:
        yield made
        assert running.problems(made.url) == []


def test_required_fields_are_asked_for_and_sent(running: Browser, demanding: Site) -> None:
    running.start_anew()
    open_signup(running, demanding.url)
    fields = {"refcode": "r-1", "referrer": "nobody-1", "email": "nina@example.org", "real_name": "Nina N."}
    choose(running, "nina-1")
    running.click("#make")
    assert visible_sheet(running) == []
    for field, value in fields.items():
        running.fill(field, value)
    assert_sound(running)
    sheet = make_sheet(running, "nina-1")
    register(running)
    running.wait_text("Unknown referrer: nobody-1.", "#problem")
    running.click("#back")
    running.fill("referrer", "faucet")
    assert make_sheet(running, "nina-1") == sheet
    register(running)
    wait_registered(running, "nina-1")
    (job,) = demanding.do(demanding.ledger.queries.jobs(name="nina-1"))
    assert {field: getattr(job.signup, field) for field in fields} == {**fields, "referrer": "faucet"}
