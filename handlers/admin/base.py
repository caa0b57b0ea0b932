"""What the pages of the operators share: who is there, their forms, and what they are told."""

import re
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from tornado.escape import parse_qs_bytes
from tornado.web import create_signed_value, decode_signed_value

from handlers.admin.tokens import form_token, is_id, is_token, random_id
from handlers.http.client import client_address, forwarded_in, is_https, is_in
from handlers.pages.public import PageHandler
from jobs.errors import Code, FaucetError
from jobs.ledger.sessions import LIFETIME
from jobs.model.operators import Session
from jobs.signup import MAX_BODY, exposure

PATH = "/admin"
#: Only what these pages use.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SESSION, SESSION_LASTS = "faucet_session", timedelta(milliseconds=LIFETIME)
MESSAGE, MESSAGE_LASTS = "faucet_message", timedelta(minutes=1)
XSRF = "_xsrf"  #: the field with a form's token, and the cookie that the token of a login belongs to
_NUMBER = re.compile("[0-9]{1,18}")  #: no larger than SQLite's


class AdminHandler(PageHandler):
    """The base of all under /admin. Nothing here has CORS headers: no page of another site can read it."""

    session: Session | None = None  #: of who is logged in, once it was looked for

    def set_default_headers(self) -> None:
        """Stricter than those of the pages for everybody."""
        super().set_default_headers()
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Referrer-Policy", "no-referrer")

    def prepare(self) -> None:
        """Refuse clients outside `admin_networks`, whatever they ask for."""
        # Not 404: that these pages exist is no secret, and an operator at the wrong place should learn why.
        if not self._is_in_networks():
            self.refuse("These pages are for the networks of admin_networks only.")

    async def find_session(self) -> Session | None:
        """The session that the client's cookie names; None if that is over, or was never one."""
        if (session_id := self._id_in(SESSION)) is not None:
            self.session = await self.context.ledger.sessions.find(session_id, key_id=self.context.key_id)
        if self.session is not None and self._is_use():
            # What the operator wants to look at may be just why the ledger can't be written.
            with suppress(FaucetError):
                await self.context.ledger.sessions.use(self.session)
        return self.session

    async def open_session(self, operator: str) -> None:
        """Log `operator` in, with an id and a token that nobody has seen before."""
        new, old = random_id(), None if self.session is None else self._id_in(SESSION)
        await self.context.ledger.sessions.open(new, who=operator, key_id=self.context.key_id, instead_of=old)
        self.set_cookie(SESSION, new, max_age=int(SESSION_LASTS.total_seconds()))
        self.clear_cookie(XSRF)

    def tell(self, tone: str, sentence: str) -> None:
        """Show `sentence` on the next page; the tone is good or bad."""
        self._sign(MESSAGE, f"{tone} {sentence}", MESSAGE_LASTS)

    def set_cookie(self, name: str, value: str | bytes, *args: Any, **options: Any) -> None:
        """Every cookie is for these pages only: no script reads it, and no other site makes a browser send it."""
        ours = {"path": PATH, "httponly": True, "samesite": "Strict", "secure": self._is_https}
        super().set_cookie(name, value, *args, **{**options, **ours})

    def show(self, template: str, **values: Any) -> None:
        """Finish with a page that also shows what there is to tell."""
        tone, _, sentence = (self._signed(MESSAGE, MESSAGE_LASTS) or "").partition(" ")
        if sentence:
            self.clear_cookie(MESSAGE)
        operator = None if self.session is None else self.session.who
        xsrf = self._token() or self._new_token()
        super().show(template, operator=operator, xsrf=xsrf, tone=tone, sentence=sentence, **values)

    def show_error(self, error: FaucetError) -> None:
        """The error as a page, which leaves the browser no cookie."""
        super().show("error.html", error=error, status=self.get_status(), request_id=self.request_id)

    def refuse(self, sentence: str) -> None:
        """Finish with status 403 and `sentence`."""
        self.set_status(403)
        self.show_error(FaucetError(Code.BAD_REQUEST, sentence))

    def is_open(self) -> bool:
        """Whether these pages are for this client at all; if not, the reply is made."""
        if self.context.settings.admin_password_hash is None:
            self.set_status(404)
            super().show("admin/closed.html")
            return False
        if not self._is_https and self.client_address() is not None:
            self.refuse("These pages are shown over HTTPS only: nobody must overhear the password.")
            return False
        return True

    def read_form(self) -> None:
        """Read the body. Raises FaucetError too_large, or private_key_sent: all but the password is kept."""
        if len(self.body) > MAX_BODY:
            raise FaucetError(Code.TOO_LARGE, f"The form is larger than {MAX_BODY} bytes.")
        # Tornado does so itself only where it collects the body.
        self.request.body_arguments = parse_qs_bytes(bytes(self.body), keep_blank_values=True)
        self.request.arguments.update(self.request.body_arguments)
        kept = [value for name, values in self.request.body_arguments.items() if name != "password" for value in values]
        if (error := exposure("", b" ".join(kept))) is not None:
            raise error

    def is_our_form(self) -> bool:
        """Whether the form has the token of this session, or of a login before it; if not, the reply is made."""
        token = self._token()
        if token is not None and is_token(self.get_body_argument(XSRF, ""), token):
            return True
        self.refuse("This form is too old. Please load its page again.")
        return False

    def _is_in_networks(self) -> bool:
        networks, request = self.context.settings.admin_networks, self.request
        if not networks:
            return True
        trusted = self.context.settings.trusted_proxies
        address = client_address(request.remote_ip or "", *forwarded_in(request.headers), trusted)
        return address is not None and is_in(address, networks)

    @cached_property
    def _is_https(self) -> bool:
        request = self.request
        forwarded = request.headers.get_list("X-Forwarded-Proto")
        return is_https(request.remote_ip or "", request.protocol, forwarded, self.context.settings.trusted_proxies)

    def _is_use(self) -> bool:
        """Whether an operator asked for it: not a page that refreshes itself, or an open tab would keep a session."""
        return self.request.headers.get("Sec-Fetch-Dest", "document") == "document"

    def _token(self) -> str | None:
        """The token of forms: of the session, or without one of the login's cookie. None without that either."""
        name = XSRF if self.session is None else SESSION
        value = self._id_in(name)
        return None if value is None else form_token(self.context.session_key, name, value)

    def _new_token(self) -> str:
        """A token for the login."""
        value = random_id()
        self.set_cookie(XSRF, value)
        return form_token(self.context.session_key, XSRF, value)

    def _id_in(self, cookie: str) -> str | None:
        """The random id in our cookie of that name; None where anything else is in it."""
        value = self.get_cookie(cookie)
        return value if is_id(value) else None

    def _sign(self, name: str, value: str, lasts: timedelta) -> None:
        signed = create_signed_value(self.context.session_key, name, value, clock=self.context.clock)
        self.set_cookie(name, signed, max_age=int(lasts.total_seconds()))

    def _signed(self, name: str, lasts: timedelta) -> str | None:
        """What our cookie `name` says; None without one, or if it is too old."""
        cookie, days = self.get_cookie(name), lasts / timedelta(days=1)
        value = decode_signed_value(self.context.session_key, name, cookie, days, clock=self.context.clock)
        return None if value is None else value.decode()


class AdminPage(AdminHandler):
    """A page for operators."""

    async def get(self, *path: str) -> None:
        """The page, or the way to it."""
        if not self.is_open():
            return
        session = await self.find_session()
        if session is None:
            self.turn_away()
        else:
            await self.show_page(session.who, *path)

    head = get

    async def show_page(self, operator: str, *path: str) -> None:
        """Finish with the page. Raises FaucetError."""
        raise NotImplementedError

    def number(self, argument: str) -> int | None:
        """The number of that name in the query; None without it. Raises FaucetError bad_request."""
        text = self.get_query_argument(argument, "")
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            raise FaucetError(Code.BAD_REQUEST, f"'{argument}' must be a number.", field=argument)
        return int(text)

    def turn_away(self) -> None:
        """Send who is not logged in to the login, which leads back."""
        self.redirect(f"{PATH}?{urlencode({'next': self.request.uri})}", status=303)


class AdminNotFound(AdminHandler):
    """Every other address below /admin."""

    def get(self, *_path: str) -> None:
        """Raises FaucetError not_found, whatever the method."""
        raise FaucetError(Code.NOT_FOUND, "There is nothing at this address.")

    head = post = put = patch = delete = options = get


class AdminForm(AdminHandler):
    """What operators send."""

    methods = ("POST",)

    async def post(self, *path: str) -> None:
        """Do it, if an operator sent it from one of these pages."""
        if not self.is_open():
            return
        self.read_form()
        session = await self.find_session()
        if session is None:
            self.redirect(PATH, status=303)
        elif self.is_our_form():
            await self.act(session.who, *path)

    async def act(self, operator: str, *path: str) -> None:
        """Do it, and finish. Raises FaucetError."""
        raise NotImplementedError
