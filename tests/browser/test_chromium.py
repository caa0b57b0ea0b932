"""The browser detects what pages must not do."""

from tests.browser.chromium import LOOKS, Browser

BAD_PAGE = """data:text/html,<!doctype html><title>Bad</title>
<p style="width: 3000px">Wide</p><img src="http://elsewhere.example/picture.png">"""


def test_page_errors_are_detected(running: Browser) -> None:
    running.start_anew()
    running.open(BAD_PAGE)
    running.script("console.error('a mistake')")
    assert any(violation.startswith("image-alt") for violation in running.violations())
    assert running.scrolls_sideways()
    problems = running.problems("http://127.0.0.1")
    assert "http://elsewhere.example/picture.png" in problems
    assert any("ERR_NAME_NOT_RESOLVED" in problem for problem in problems)
    assert any("a mistake" in problem for problem in problems)


def test_page_renders_for_each_device(running: Browser) -> None:
    running.open("data:text/html,<meta name=viewport content=width=device-width>")
    viewports = []
    for look in LOOKS:
        running.look(look)
        viewports.append(running.script("return [innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]"))
    assert viewports == [[look.width, look.scheme == "dark"] for look in LOOKS]


def test_scripts_can_be_disabled(running: Browser) -> None:
    page = "data:text/html,<p>still</p><script>document.querySelector('p').textContent = 'moved'</script>"
    running.open(page)
    assert running.text("p") == "moved"
    with running.without_scripts():
        running.open(page)
        assert running.text("p") == "still"
