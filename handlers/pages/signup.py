"""The page on which people without a wallet sign up; keys are made in the browser."""

from handlers.pages.public import PageHandler
from handlers.pages.scripts import signup_scripts
from jobs.ways.lists import NO_LISTS

#: The checks of /readyz without which a signup is refused, and not only registered later.
ACCEPTING = ("ledger", "intake")


class SignupPage(PageHandler):
    """Its scripts make the keys and call the API; the server sees what every wallet sends."""

    route = "signup_page"

    def set_default_headers(self) -> None:
        """No script but ours, no window of others that keeps hold of this one, no trace in a referrer."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", signup_scripts().policy)
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Referrer-Policy", "no-referrer")

    async def get(self) -> None:
        """The page."""
        context, chain_status = self.context, self.context.snapshot.chain_status
        checks = {name: check for name, check in (await context.readiness.checks()).items() if not check.ok}
        sentences = {name: f"{name.capitalize()}: {check.text}" for name, check in checks.items()}
        self.show(
            "signup.html",
            scripts=signup_scripts(),
            chain_status=chain_status,
            settings=context.settings,
            has_api_keys=context.snapshot.has_api_keys,
            work=context.proofs is not None,
            lists=context.lists.now if context.lists.known else NO_LISTS,
            refused=[sentences[name] for name in ACCEPTING if name in sentences],
            obstacles=list(sentences.values()),
        )

    head = get
