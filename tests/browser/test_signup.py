"""A signup as shown to the person who waits for the account."""

from tests.browser.chromium import Browser
from tests.browser.looks import assert_sound
from tests.browser.site import Site


def test_job_page_follows_a_signup_live(browser: Browser, site: Site) -> None:
    """It is never reloaded: a script's mark in it is still there at the end."""
    site.control("stall", True)
    job_id = site.sign_up("alice-1")
    browser.open(f"{site.url}/jobs/{job_id}")
    browser.script("window.sameDocument = true")
    assert "done" not in browser.texts(".tag")
    site.control("stall", False)
    browser.wait(lambda: browser.texts(".tag") == ["done"])
    assert browser.script("return window.sameDocument") is True
    job = site.job(job_id, until="done")
    browser.wait_text(job["account_id"])
    browser.wait_text(job["transaction_id"])
    assert_sound(browser)


def test_status_page_updates_live(browser: Browser, site: Site) -> None:
    browser.open(f"{site.url}/status")
    browser.script("window.sameDocument = true")
    site.sign_up("bob-1")
    browser.wait_text("bob-1")
    assert browser.script("return window.sameDocument") is True
    assert_sound(browser)
