"""The pages that people read, and the files that they need."""

from typing import Any

from tornado.web import StaticFileHandler

from handlers.base import Handler
from handlers.pages.overview import obstacles, overview
from handlers.pages.progress import progress_of
from jobs.errors import Code, FaucetError
from jobs.model.job import ENDED
from jobs.ways.lists import NO_LISTS

POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
SHARED = ("work/", "vendor/noble-hashes-")  #: static files that pages of `cors_origins` may import
RECENT = 15  #: jobs on the status page

#: Keys without a prefix for the example, from points whose private keys nobody knows.
EXAMPLE_KEYS = {
    "owner_key": "6jZQqB7UeHXU7Hr1U7ZKdhRQhJg584kTXHVVyedGxkyYKmo9ez",
    "active_key": "4yY7YdK6VcjaZSpgojovXYyR1Pt2DmEsiMpzmqhxprNnTSfRTL",
    "memo_key": "53J72MoQEU39sbzzYMwv5PAUzF2vh5vy9RBgZdNauSChaEzzH5",
}


class PageHandler(Handler):
    """The base of pages: HTML, also when something is wrong."""

    def set_default_headers(self) -> None:
        """Nothing from elsewhere, in no frame of others."""
        super().set_default_headers()
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Frame-Options", "DENY")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cache-Control", "no-store")

    def show(self, template: str, **values: Any) -> None:
        """Finish with a page."""
        self.finish(self.context.pages.render(template, **values))

    def show_error(self, error: FaucetError) -> None:
        """The error as a page."""
        self.show("error.html", error=error, status=self.get_status(), request_id=self.request_id)


class PageNotFound(PageHandler):
    """Every other address that somebody reads."""

    def get(self) -> None:
        """Raises FaucetError not_found."""
        raise FaucetError(Code.NOT_FOUND, "There is nothing at this address.")

    head = get


class StaticFiles(StaticFileHandler, PageHandler):
    """Style sheet, script and picture: Tornado's handler, with our headers and our errors."""

    route = "static"

    def set_extra_headers(self, path: str) -> None:
        """Let wallets of other origins run what does proof of work."""
        if path.startswith(SHARED):
            self._allow_reading()


class IndexPage(PageHandler):
    """What this is, and how to call it."""

    route = "index_page"

    async def get(self) -> None:
        """The page."""
        context = self.context
        prefix = context.snapshot.chain_status.prefix
        self.show(
            "index.html",
            obstacles=await obstacles(self.context),
            chain_status=context.snapshot.chain_status,
            settings=context.settings,
            has_api_keys=context.snapshot.has_api_keys,
            lists=context.lists.now if context.lists.known else NO_LISTS,
            example={field: f"{prefix or ''}{key}" for field, key in EXAMPLE_KEYS.items()},
            origin=self._origin(),
        )

    head = get

    def _origin(self) -> str:
        """The address under which the client sees us; what a proxy says of its side is only shown back to it."""
        protocol = self.request.headers.get("X-Forwarded-Proto", self.request.protocol)
        return f"{'https' if protocol == 'https' else 'http'}://{self.request.host}"


class StatusPage(PageHandler):
    """Can a new user register now, and how are the others doing."""

    route = "status_page"

    async def get(self) -> None:
        """The page. Raises FaucetError ledger_unavailable."""
        view = await overview(self.context)
        self.show(
            "status.html",
            view=view,
            chain_status=view.chain_status,
            obstacles=view.obstacles,
            recent=await self.context.ledger.queries.recent(RECENT),
        )

    head = get


class JobPage(PageHandler):
    """One signup, live."""

    route = "job_page"

    async def get(self, job_id: str) -> None:
        """The page. Raises FaucetError not_found."""
        job = await self.context.ledger.queries.job(job_id)
        if job is None:
            raise FaucetError(Code.NOT_FOUND, "There is no such signup.")
        symbol = self.context.snapshot.chain_status.symbol
        self.show("job.html", job=job, steps=progress_of(job), ended=job.state in ENDED, symbol=symbol or "")

    head = get
