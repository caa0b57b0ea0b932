"""The routes of the application."""

from typing import Any

from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule
from tornado.web import Application, RequestHandler

from handlers.admin.routes import ROUTES as ADMIN_ROUTES
from handlers.api.accounts import AccountHandler, SignupOptions
from handlers.api.challenge import ChallengeHandler
from handlers.api.health import ChainHandler, HealthHandler, IntakeHandler, MetricsHandler, ReadyHandler
from handlers.api.jobs import JobEventsHandler, JobHandler
from handlers.api.openapi import OpenApiHandler
from handlers.base import READING, ApiNotFound, AppContext
from handlers.pages.public import IndexPage, JobPage, PageNotFound, StaticFiles, StatusPage
from handlers.pages.signup import SignupPage
from handlers.pages.templates import STATIC
from handlers.signup_router import SignupRouter

__all__ = ["AppContext", "make_app"]

NO_CORS = {"cors": False}  #: for the operator's machines, not for pages of other sites

ROUTES: tuple[tuple[str, type[RequestHandler]] | tuple[str, type[RequestHandler], dict[str, Any]], ...] = (
    (r"/api/v1/accounts", SignupOptions),
    (r"/faucet", SignupOptions),
    (r"/([^/]+)/api/v1/accounts", SignupOptions),
    (r"/api/v1/accounts/([^/]+)", AccountHandler),
    (r"/api/v1/jobs/([^/]+)", JobHandler),
    (r"/api/v1/jobs/([^/]+)/events", JobEventsHandler),
    (r"/api/v1/chain", ChainHandler),
    (r"/api/v1/challenge", ChallengeHandler),
    (r"/api/v1/openapi\.json", OpenApiHandler),
    (r"/api(?:/.*)?", ApiNotFound),
    (r"/healthz", HealthHandler),
    (r"/healthz/intake", IntakeHandler, NO_CORS),
    (r"/readyz", ReadyHandler, NO_CORS),
    (r"/metrics", MetricsHandler, NO_CORS),
    (r"/", IndexPage),
    (r"/status", StatusPage),
    (r"/jobs/([^/]+)", JobPage),
    *ADMIN_ROUTES,
)


class NotReading(Matcher):
    """Matches every method but GET and HEAD: the client is no reader of pages."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """As in the base class."""
        return None if request.method in READING else {}


def make_app(context: AppContext) -> SignupRouter:
    """The router of all requests."""
    static = (r"/static/(.*)", StaticFiles, {"path": str(STATIC)})
    optional = [(r"/signup", SignupPage)] if context.settings.signup_page else []
    application = Application(
        [*ROUTES, *optional, static, Rule(NotReading(), ApiNotFound)],
        context=context,
        default_handler_class=PageNotFound,
        log_function=lambda _: None,  # each handler writes its own line
    )
    return SignupRouter(application, context)
