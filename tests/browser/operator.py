"""Somebody who may steer the faucet."""

from jobs.passwords import Cost, hash_password
from tests.browser.chromium import Browser

NAME = "maria"
PASSWORD = "correct horse battery staple"
#: A quick hash: what makes a guess dear is tested elsewhere.
HASH = hash_password(PASSWORD, cost=Cost(log_n=4, r=8, p=1))


def log_in(browser: Browser, url: str) -> None:
    """Come to the dashboard of the faucet at `url`."""
    browser.open(f"{url}/admin")
    browser.fill("name", NAME)
    browser.fill("password", PASSWORD)
    browser.press("Log in")
