"""An operator in the browser."""

from tests.browser.chromium import Browser
from tests.harness.operators import PASSWORD

NAME = "maria"


def log_in(browser: Browser, url: str) -> None:
    """Log in at the faucet at `url`, and open the dashboard."""
    browser.open(f"{url}/admin")
    browser.fill("name", NAME)
    browser.fill("password", PASSWORD)
    browser.press("Log in")
