"""What holds for every page."""

from tests.browser.chromium import LOOKS, Browser


def assert_sound(browser: Browser) -> None:
    """The page is fit for everybody, and not too wide, on every device by day and by night."""
    for look in LOOKS:
        browser.look(look)
        violations = browser.violations()
        assert not violations, f"{look}: {violations}"
        assert not browser.scrolls_sideways(), look
