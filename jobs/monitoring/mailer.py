"""Sends the queued mails of the ledger. A mail server that is down delays nothing else."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import urlsplit

from aiosmtplib import SMTP, SMTPException

from jobs.errors import FaucetError
from jobs.ledger.outbox import Outbox
from jobs.model.operators import Mail
from jobs.settings import Settings

log = logging.getLogger("faucet.mailer")

LOOK_INTERVAL = 30.0  #: seconds between two looks for due mails
ANSWER_TIMEOUT = 10.0  #: seconds that the mail server has for each answer
DELAY = 10.0  #: seconds before the second attempt, doubled with each
MAX_DELAY = 600.0
RETENTION = 30 * 86_400.0  #: seconds that mails are kept
SUBMISSION_TLS = 465  #: the port where TLS begins at once (RFC 8314)
SMTP_PORT = 25


class MailError(Exception):
    """The mail server did not take it; the sentence says why, and repeats no password."""


class Mailer:
    """Sends queued mails as soon as each may be tried."""

    def __init__(self, settings: Settings, outbox: Outbox, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._outbox = outbox
        self._clock = clock
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Look for due mails now instead of after LOOK_INTERVAL."""
        self._woken.set()

    async def run(self) -> None:
        """Send due mails forever; a ledger that can't be read or written only delays them."""
        while True:
            try:
                await self.send_due()
            except FaucetError as error:
                log.warning("mails not sent, retrying", extra={"fields": {"reason": error}})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_INTERVAL):
                    await self._woken.wait()
            self._woken.clear()

    async def send_due(self) -> None:
        """Try each mail that may be tried now, once. Raises FaucetError `ledger_unavailable`."""
        if self._settings.mail_host is None:
            return
        await self._outbox.purge_mails(int((self._clock() - RETENTION) * 1000))
        for mail in await self._outbox.due_mails():
            await self._try(mail)

    async def _try(self, mail: Mail) -> None:
        try:
            await send(self._settings, self._compose(mail))
        except MailError as error:
            delay = min(DELAY * 2**mail.attempts, MAX_DELAY)
            fields = {"mail": mail.number, "retry_in": f"{delay:.0f}", "reason": error}
            log.warning("mail not sent", extra={"fields": fields})
            await self._outbox.defer_mail(mail, str(error), delay)
        else:
            log.info("mail sent", extra={"fields": {"mail": mail.number}})
            await self._outbox.mark_sent(mail)

    def _compose(self, mail: Mail) -> EmailMessage:
        message = compose(self._settings, mail.subject, mail.body, mail.created_at / 1000)
        # The same at each attempt: a server that took it and could not say so shows no second one.
        message["Message-ID"] = f"<{mail.created_at}.{mail.number}@{_domain(self._settings)}>"
        return message


def compose(settings: Settings, subject: str, body: str, at: float) -> EmailMessage:
    """A mail to the admins, written `at`, seconds since 1970."""
    message = EmailMessage()
    message["From"] = sender(settings)
    message["To"] = ", ".join(settings.admins)
    message["Subject"] = subject
    message["Date"] = formatdate(at)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday greeting comes back
    message.set_content(body)
    return message


async def send(settings: Settings, message: EmailMessage) -> None:
    """Hand `message` to the mail server. Raises MailError."""
    async with connected(settings) as server:
        try:
            await server.send_message(message)
        except (SMTPException, OSError) as error:
            raise MailError(_reason(error)) from None


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[SMTP]:
    """The mail server, greeted, encrypted and logged in as the configuration says. Raises MailError."""
    host, port = address(settings.mail_host or "")
    use_tls = settings.mail_tls == "tls" or (settings.mail_tls == "auto" and port == SUBMISSION_TLS)
    start_tls = {"starttls": True, "auto": None}.get(settings.mail_tls, False)
    server = SMTP(
        hostname=host, port=port, use_tls=use_tls, start_tls=False if use_tls else start_tls, timeout=ANSWER_TIMEOUT
    )
    try:
        await server.connect()
        await _log_in(server, settings)
    except (SMTPException, OSError, TimeoutError) as error:
        server.close()
        raise MailError(_reason(error)) from None
    try:
        yield server
    finally:
        with contextlib.suppress(SMTPException, OSError):
            await server.quit()
        server.close()


def address(mail_host: str) -> tuple[str, int]:
    """Host and port of `mail_host`: HOST, HOST:PORT or [IPV6]:PORT. Raises MailError."""
    parts = urlsplit(f"//{mail_host}")
    try:
        port = parts.port
    except ValueError:
        raise MailError(f"mail_host {mail_host} is not HOST:PORT") from None
    return parts.hostname or "", port or SMTP_PORT


def sender(settings: Settings) -> str:
    """Whom the mails are from."""
    return settings.mail_from or settings.admins[0]


async def _log_in(server: SMTP, settings: Settings) -> None:
    if settings.mail_user is None or settings.mail_pass is None:
        return
    if server.get_transport_info("sslcontext") is None and settings.mail_tls != "none":
        raise SMTPException("it offers no TLS, and without it the password is not sent (mail_tls)")
    await server.login(settings.mail_user, settings.mail_pass)


def _domain(settings: Settings) -> str:
    return sender(settings).rpartition("@")[2].strip("> ") or "localhost"


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or error.__class__.__name__
