"""Somebody who may steer the faucet."""

from tests.browser.chromium import Browser
from tests.harness.operators import PASSWORD

NAME = "maria"


def log_in(browser: Browser, url: str) -> None:
    """Come to the dashboard of the faucet at `url`."""
    browser.open(f"{url}/admin")
    browser.fill("name", NAME)
    browser.fill("password", PASSWORD)
    browser.press("Log in")
