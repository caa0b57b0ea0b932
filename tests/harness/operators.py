"""A client that behaves like an operator's browser."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

from argon2 import PasswordHasher
from tornado.httputil import HTTPHeaders

from jobs.settings.passwords import hash_password
from tests.harness.program import Faucet, HttpReply
from tests.harness.serving import Serving, serving

PASSWORD = "correct horse battery staple"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
HASH = hash_password(PASSWORD, hasher=QUICK)
PAGE = "/admin/audit"  #: a page with a form
_TOKEN = re.compile(r'name="_xsrf" value="([^"]+)"')


class Site(Protocol):
    """Where a faucet serves."""

    async def fetch(self, path: str, **options: Any) -> HttpReply:
        """The reply at `path`, not redirected, text decoded."""


class Door:
    """A client of the service that behaves like an operator's browser."""

    def __init__(self, service: Faucet) -> None:
        self._service = service

    async def fetch(self, path: str, **options: Any) -> HttpReply:
        reply = await self._service.fetch(path, follow_redirects=False, **options)
        return HttpReply(reply.status, reply.headers, reply.body.decode())


@dataclass
class Operator:
    """Keeps cookies, and sends forms with the token of the page that was seen last."""

    served: Site
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, Morsel[str]] = field(default_factory=dict)
    token: str = ""

    async def see(self, path: str, **options: Any) -> HttpReply:
        """The page at `path`."""
        return await self._ask(path, **options)

    async def send(self, path: str, **values: str) -> HttpReply:
        """The reply to a form."""
        return await self._ask(path, method="POST", body=urlencode({"_xsrf": self.token, **values}))

    def form(self, path: str, **values: str) -> bytes:
        """The request of a form, as it goes over the connection."""
        body = urlencode({"_xsrf": self.token, **values})
        head = f"POST {path} HTTP/1.1", "Host: faucet", f"Cookie: {self._cookie}", f"Content-Length: {len(body)}"
        return "\r\n".join((*head, "", body)).encode()

    async def log_in(self, name: str = "ann", password: str = PASSWORD, **values: str) -> HttpReply:
        """The reply to a login. Once logged in, it has the token of a page that was seen since."""
        await self.see("/admin")
        reply = await self.send("/admin", name=name, password=password, **values)
        if reply.status == 303:
            await self.see(PAGE)
        return reply

    async def do(self, path: str, **values: str) -> str:
        """Send a form, and read the page that it leads to."""
        reply = await self.send(path, **values)
        assert reply.status == 303
        page = await self.see(reply.headers["Location"])
        assert page.status == 200
        return str(page.body)

    def twin(self) -> "Operator":
        """Somebody who copied the cookies, and the token of the page that was seen last."""
        return replace(self, headers=dict(self.headers), cookies=dict(self.cookies))

    @property
    def _cookie(self) -> str:
        return "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())

    async def _ask(self, path: str, **options: Any) -> HttpReply:
        reply = await self.served.fetch(path, headers={**self.headers, "Cookie": self._cookie}, **options)
        assert isinstance(reply.headers, HTTPHeaders)
        for line in reply.headers.get_list("Set-Cookie"):
            self._keep(SimpleCookie(line))
        if isinstance(reply.body, str) and (token := _TOKEN.search(reply.body)):
            self.token = token[1]
        return reply

    def _keep(self, cookies: SimpleCookie) -> None:
        for name, morsel in cookies.items():
            self.cookies.pop(name, None)
            if morsel.value:
                self.cookies[name] = morsel


@asynccontextmanager
async def operated(folder: Path, **settings: Any) -> AsyncIterator[tuple[Serving, Operator]]:
    """The application with a password, and an operator who is logged in, until the block ends."""
    async with serving(folder, **{"admin_password_hash": HASH, **settings}) as served:
        operator = Operator(served)
        assert (await operator.log_in()).status == 303
        yield served, operator
