"""A real mail server on a free port, which keeps the mails."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword

from tests.harness.serving import turn

USER, PASSWORD = "faucet", "mail secret"


@dataclass
class Mailbox:
    """The mails accepted so far; while `refusal` is set, every mail is refused with it."""

    refusal: str | None = None
    refused: dict[str, str] = field(default_factory=dict)  #: what is answered to a recipient
    recipients: list[list[str]] = field(default_factory=list)  #: of each mail that was taken
    taking: asyncio.Event | None = None  #: unless it is set, the server hesitates after DATA
    hesitates: asyncio.Event = field(default_factory=asyncio.Event)  #: that it does
    mails: list[Message] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Envelope) -> str:  # noqa: N802  # the library's name
        if self.taking is not None:
            self.hesitates.set()
            await self.taking.wait()
        if self.refusal is not None:
            return self.refusal
        self.recipients.append([*envelope.rcpt_tos])
        self.mails.append(message_from_bytes(envelope.original_content or b""))
        return "250 OK"

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, _server: SMTP, _session: Any, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]

    async def holds(self, count: int) -> None:
        """Return when `count` mails have arrived."""
        while len(self.mails) < count:
            await turn()


@dataclass
class MailServer:
    """The server's port, and its mails."""

    port: int
    box: Mailbox


def authenticate(_server: SMTP, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=right, handled=False)


@asynccontextmanager
async def mail_server(
    *, port: int = 0, tls: ssl.SSLContext | None = None, auth: bool = False, box: Mailbox | None = None
) -> AsyncIterator[MailServer]:
    """A mail server until the block ends; with `tls` it offers STARTTLS, with `auth` it wants a login."""
    box = box or Mailbox()

    def protocol() -> SMTP:
        return SMTP(
            box, tls_context=tls, authenticator=authenticate if auth else None,
            auth_required=auth, auth_require_tls=tls is not None,
        )  # fmt: skip

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    try:
        yield MailServer(server.sockets[0].getsockname()[1], box)
    finally:
        server.close()
        await server.wait_closed()
