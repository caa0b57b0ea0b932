"""Which address is served by what."""

from tornado.web import Application, RequestHandler

from handlers.accounts import AccountHandler, SignupHandler
from handlers.admin.routes import ROUTES as ADMIN_ROUTES
from handlers.base import ApiNotFound, Parts
from handlers.entrance import Entrance
from handlers.health import ChainHandler, HealthHandler, MetricsHandler, ReadyHandler
from handlers.jobs import JobEventsHandler, JobHandler
from handlers.openapi import OpenApiHandler
from handlers.pages import IndexPage, JobPage, PageNotFound, StaticFiles, StatusPage
from handlers.templates import STATIC

__all__ = ["Parts", "make_app"]

ROUTES: tuple[tuple[str, type[RequestHandler]], ...] = (
    (r"/api/v1/accounts", SignupHandler),
    (r"/faucet", SignupHandler),
    (r"/([^/]+)/api/v1/accounts", SignupHandler),
    (r"/api/v1/accounts/([^/]+)", AccountHandler),
    (r"/api/v1/jobs/([^/]+)", JobHandler),
    (r"/api/v1/jobs/([^/]+)/events", JobEventsHandler),
    (r"/api/v1/chain", ChainHandler),
    (r"/api/v1/openapi\.json", OpenApiHandler),
    (r"/api(?:/.*)?", ApiNotFound),
    (r"/healthz", HealthHandler),
    (r"/readyz", ReadyHandler),
    (r"/metrics", MetricsHandler),
    (r"/", IndexPage),
    (r"/status", StatusPage),
    (r"/jobs/([^/]+)", JobPage),
    *ADMIN_ROUTES,
)


def make_app(parts: Parts) -> Entrance:
    """What answers every request with `parts`."""
    static = (r"/static/(.*)", StaticFiles, {"path": str(STATIC)})
    application = Application(
        [*ROUTES, static],
        parts=parts,
        default_handler_class=PageNotFound,
        log_function=lambda _: None,  # each handler writes its own line
    )
    return Entrance(application, parts)
