"""A page as a reader sees it."""

from html.parser import HTMLParser

from tests.harness.serving import Serving

GOOD = "New accounts are being registered"
SPENT = "The daily budget of 2,500 TEST is spent: it goes on at midnight UTC, or when daily_budget is raised."
BAD = "New accounts have to wait"


class Page(HTMLParser):
    """A parsed page: its text, its links and resources, its inline styles and scripts."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text = ""
        self.links: list[str] = []
        self.inline: list[str] = []
        self.feed(source)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        by_name = dict(attrs)
        self.links += [value for name, value in attrs if name in ("href", "src", "action") and value]
        self.inline += [name for name in by_name if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and "src" not in by_name):
            self.inline.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += f" {data}"


async def page(served: Serving, path: str) -> Page:
    reply = await served.fetch(path)
    assert (reply.status, reply.headers["Content-Type"]) == (200, "text/html; charset=UTF-8")
    return Page(reply.body)
