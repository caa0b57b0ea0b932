"""Chooses who answers a request: the signup endpoint for a POST at one of its addresses, else the application."""

from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPConnection, HTTPMessageDelegate
from tornado.routing import AnyMatches, Matcher, Rule, RuleRouter
from tornado.web import Application

from handlers.api.signups import SignupEndpoint
from handlers.base import AppContext
from handlers.request_reader import RequestReader


class SignupMatches(Matcher):
    """Matches signups."""

    def match(self, request: Any) -> dict[str, Any] | None:
        """As in the base class, of a handlers.request.Request."""
        return {} if request.is_signup else None


class SignupRouter(RuleRouter):
    """Has each request read, then routes it."""

    def __init__(self, application: Application, context: AppContext) -> None:
        super().__init__([Rule(SignupMatches(), SignupEndpoint), Rule(AnyMatches(), application)])
        self.context = context

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> HTTPMessageDelegate:
        """As in the base class."""
        assert isinstance(request_conn, HTTP1Connection)  # noqa: S101  # Tornado serves no other; for the types
        return RequestReader(self, self.context, server_conn, request_conn)

    def get_target_delegate(self, target: Any, request: Any, **target_params: Any) -> HTTPMessageDelegate | None:
        """As in the base class, of a handlers.request.Request: for a signup its endpoint."""
        if target is SignupEndpoint:
            return SignupEndpoint(request)
        return super().get_target_delegate(target, request.to_tornado(), **target_params)
