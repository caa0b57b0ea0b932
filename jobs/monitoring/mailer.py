"""Sends the queued mails of the ledger. A mail server that is down delays nothing else."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from email.utils import formatdate
from urllib.parse import urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused

from chain.addresses import open_first
from chain.lookups import own_name
from chain.text import cut, one_line
from jobs.errors import FaucetError
from jobs.ledger.outbox import Outbox
from jobs.model.operators import Mail
from jobs.settings import Settings

log = logging.getLogger("faucet.mailer")

LOOK_INTERVAL = 30.0  #: seconds between two looks for due mails
OPEN_TIMEOUT = 30.0  #: seconds until one of the mail server's addresses has greeted, and encrypts
ANSWER_TIMEOUT = 10.0  #: seconds that the mail server has for each answer
#: Seconds that it has for each answer once a mail is handed over (RFC 5321, 4.5.3.2.6): who gives up earlier, and tries
#: again, makes a slow server send the mail twice.
DELIVERY_TIMEOUT = 600.0
DELAY = 10.0  #: seconds before the second attempt, doubled with each
MAX_DELAY = 600.0
RETENTION = 30 * 86_400.0  #: seconds that mails are kept
SUBMISSION_TLS = 465  #: the port where TLS begins at once (RFC 8314)
SMTP_PORT = 25
PERMANENT = 500  #: codes from here on are refusals for good (RFC 5321, 4.2.1)


class MailError(Exception):
    """The mail server did not take it; the sentence says why, and repeats no password."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """That the mail server does not write to an address."""

    address: str
    code: int
    message: str

    def __str__(self) -> str:
        return f"{self.address} is refused: {self.code} {cut(' '.join(self.message.split()))}"


@dataclass(frozen=True, slots=True)
class Remainder:
    """A mail that others have got, and `recipients` may get later; `retry_at` is in seconds since 1970."""

    mail: Mail
    recipients: tuple[str, ...]
    retry_at: float


class Mailer:
    """Sends queued mails as soon as each may be tried."""

    def __init__(self, settings: Settings, outbox: Outbox, *, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._outbox = outbox
        self._clock = clock
        self._woken = asyncio.Event()
        #: In memory only: the ledger has these mails as sent, so that a restart repeats none.
        self._remainders: list[Remainder] = []

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
        if self._settings.mail_host is None or not self._settings.admins:
            return
        await self._outbox.purge_mails(int((self._clock() - RETENTION) * 1000))
        for mail in await self._outbox.due_mails():
            await self._try(mail)
        due = [each for each in self._remainders if each.retry_at <= self._clock()]
        for remainder in due:
            self._remainders.remove(remainder)
            await self._try_again(remainder)

    async def _try(self, mail: Mail) -> None:
        refusals = await self._deliver(mail, self._settings.admins)
        if isinstance(refusals, str):
            await self._outbox.defer_mail(mail, refusals, _delay(mail))
            return
        await self._outbox.mark_sent(mail, "; ".join(map(str, refusals)) or None)
        self._keep(mail, [each.address for each in refusals if each.code < PERMANENT])

    async def _try_again(self, remainder: Remainder) -> None:
        mail = replace(remainder.mail, attempts=remainder.mail.attempts + 1)
        refusals = await self._deliver(mail, remainder.recipients)
        again = remainder.recipients if isinstance(refusals, str) else [each.address for each in refusals]
        if self._clock() - mail.created_at / 1000 < RETENTION:
            self._keep(mail, again)

    def _keep(self, mail: Mail, recipients: Sequence[str]) -> None:
        if recipients:
            self._remainders.append(Remainder(mail, tuple(recipients), self._clock() + _delay(mail)))

    async def _deliver(self, mail: Mail, recipients: Sequence[str]) -> list[Refusal] | str:
        """Whom the mail server refused, or why nobody got it."""
        try:
            refusals = await send(self._settings, self._compose(mail), recipients)
        except MailError as error:
            reason = str(error)
        except Exception as error:  # whatever one mail raises, the others must go on
            log.exception("mail failed", extra={"fields": {"mail": mail.number}})
            reason = _reason(error)
        else:
            for refusal in refusals:
                log.warning("recipient refused", extra={"fields": {"mail": mail.number, "reason": refusal}})
            log.info("mail sent", extra={"fields": {"mail": mail.number}})
            return refusals
        fields = {"mail": mail.number, "retry_in": f"{_delay(mail):.0f}", "reason": reason}
        log.warning("mail not sent", extra={"fields": fields})
        return reason

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


async def send(settings: Settings, message: EmailMessage, recipients: Sequence[str] | None = None) -> list[Refusal]:
    """Hand `message` to the mail server, for the `recipients`, by default all admins.

    Returns those that it refused, while others got it. Raises MailError where nobody got it.
    """
    async with connected(settings) as server:
        try:
            refused, _ = await server.send_message(
                message, recipients=list(recipients or settings.admins), timeout=DELIVERY_TIMEOUT
            )
        except SMTPRecipientsRefused as error:
            every = [Refusal(each.recipient, each.code, each.message) for each in error.recipients]
            raise MailError("; ".join(map(str, every))) from None
        except (SMTPException, OSError, ValueError) as error:
            raise MailError(_reason(error)) from None
    return [Refusal(address, response.code, response.message) for address, response in refused.items()]


@contextlib.asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[SMTP]:
    """The mail server, greeted, encrypted and logged in as the configuration says. Raises MailError."""
    try:
        server = await _greeted(settings)
    except (SMTPException, OSError, ValueError) as error:
        raise MailError(_reason(error)) from None
    try:
        await _log_in(server, settings)
    except (SMTPException, OSError) as error:
        server.close()
        raise MailError(_reason(error)) from None
    try:
        yield server
    finally:
        try:
            with contextlib.suppress(Exception):  # the mail is taken: a rude good-bye must not send it again
                await server.quit()
        finally:
            server.close()  # also where the program stops, and doesn't wait for the good-bye


async def _greeted(settings: Settings) -> SMTP:
    """The mail server at the first of its addresses that greets, and encrypts if it is to."""
    host, port = address(settings.mail_host or "")
    use_tls = settings.mail_tls == "tls" or (settings.mail_tls == "auto" and port == SUBMISSION_TLS)
    start_tls = False if use_tls else {"starttls": True, "auto": None}.get(settings.mail_tls, False)
    name = await own_name()

    async def greet(connection: socket.socket) -> SMTP:
        server = SMTP(
            hostname=host, sock=connection, local_hostname=name, use_tls=use_tls, start_tls=start_tls,
            timeout=ANSWER_TIMEOUT,
        )  # fmt: skip
        await server.connect()
        return server

    return await open_first(host, port, greet, discard=SMTP.close, timeout=OPEN_TIMEOUT)


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


def _delay(mail: Mail) -> float:
    """Seconds until its next attempt."""
    return float(min(DELAY * 2 ** min(mail.attempts, 10), MAX_DELAY))


def _domain(settings: Settings) -> str:
    return sender(settings).rpartition("@")[2].strip("> ") or "localhost"


def _reason(error: Exception) -> str:
    return one_line(" ".join(str(error).split())) or error.__class__.__name__
