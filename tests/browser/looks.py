"""Checks for every page."""

from tests.browser.chromium import LOOKS, Browser


def assert_sound(browser: Browser) -> None:
    """Assert that the page is accessible and fits the viewport, on every device, light and dark."""
    for look in LOOKS:
        browser.look(look)
        violations = browser.violations()
        assert not violations, f"{look}: {violations}"
        assert not browser.scrolls_sideways(), look
