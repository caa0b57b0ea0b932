"""Mails reach a real mail server once it is up, and only it gets the password."""

import asyncio
import shutil
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jobs.ledger import Ledger
from jobs.monitoring import mailer as mailer_module
from jobs.monitoring.alerts import Alerts
from jobs.monitoring.mailer import DELAY, Mailer, MailError, address, compose, send
from jobs.settings import Settings
from tests.harness.documents import free_port
from tests.harness.mailserver import PASSWORD, USER, Mailbox, mail_server
from tests.harness.program import command, dev_chain, faucet
from tests.harness.serving import turn

OPERATORS = {"admins": ("ann@x.org", "bob@x.org"), "mail_from": "faucet@x.org"}


class Clock:
    """A clock that a test advances."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def settings(port: int, **changes: Any) -> Settings:
    return Settings(**{"mail_host": f"127.0.0.1:{port}", **OPERATORS, **changes})


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's context, whose certificate this process trusts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def test_mail_is_sent_once_after_its_server_was_down(tmp_path: Path) -> None:
    clock, port = Clock(), free_port()
    ledger = await Ledger.open(tmp_path / "faucet.db", clock=clock)
    mailer = Mailer(settings(port), ledger.outbox, clock=clock)
    await ledger.outbox.save_alerts([], ended=[], mails=[("first", "one"), ("second", "two")])
    await mailer.send_due()
    assert await ledger.outbox.mails_waiting() == 2
    async with mail_server(port=port) as server:
        await mailer.send_due()
        assert server.box.mails == [], "it was tried before its time"
        clock.now += DELAY
        await mailer.send_due()
        await mailer.send_due()
        assert server.box.subjects == ["first", "second"]
        first = server.box.mails[0]
        assert (first["To"], first["From"]) == ("ann@x.org, bob@x.org", "faucet@x.org")
        assert first.get_payload() == "one\r\n"
    assert await ledger.outbox.mails_waiting() == 0
    await ledger.close()


async def test_refused_mail_delays_no_other_and_keeps_its_id(tmp_path: Path) -> None:
    clock = Clock()
    ledger = await Ledger.open(tmp_path / "faucet.db", clock=clock)
    async with mail_server(box=Mailbox(refusal="554 not today")) as server:
        mailer = Mailer(settings(server.port), ledger.outbox, clock=clock)
        await ledger.outbox.save_alerts([], ended=[], mails=[("first", "one")])
        await mailer.send_due()
        server.box.refusal = None
        await ledger.outbox.save_alerts([], ended=[], mails=[("second", "two")])
        await mailer.send_due()
        assert server.box.subjects == ["second"]
        clock.now += DELAY
        await mailer.send_due()
        assert server.box.subjects == ["second", "first"]
        assert len({mail["Message-ID"] for mail in server.box.mails}) == 2
    await ledger.close()


@pytest.mark.parametrize(("answer", "later"), [("450 greylisted", [["bob@x.org"]]), ("550 no such user", [])])
async def test_refused_recipient_costs_the_others_one_mail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, answer: str, later: list[list[str]]
) -> None:
    clock = Clock()
    ledger = await Ledger.open(tmp_path / "faucet.db", clock=clock)
    async with mail_server(box=Mailbox(refused={"bob@x.org": answer})) as server:
        mailer = Mailer(settings(server.port), ledger.outbox, clock=clock)
        await ledger.outbox.save_alerts([], ended=[], mails=[("first", "one")])
        for _ in range(3):
            await mailer.send_due()
            clock.now += 10 * DELAY
        assert server.box.recipients == [["ann@x.org"]]
        (row,) = await ledger._store.read("SELECT sent_at IS NULL AS waits, problem FROM mails")
        assert (row["waits"], row["problem"]) == (0, f"bob@x.org is refused: {answer}")
        server.box.refused.clear()
        await mailer.send_due()
        await mailer.send_due()
        assert server.box.recipients[1:] == later
        assert len({mail["Message-ID"] for mail in server.box.mails}) == 1
    reasons = [str(vars(record).get("fields", {}).get("reason")) for record in caplog.records]
    assert f"bob@x.org is refused: {answer}" in reasons
    await ledger.close()


async def test_slow_mail_server_gets_one_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer to DATA comes later than any other may."""
    taking = asyncio.Event()
    ledger = await Ledger.open(tmp_path / "faucet.db")
    async with mail_server(box=Mailbox(taking=taking)) as server:
        mailer = Mailer(settings(server.port), ledger.outbox)
        await ledger.outbox.save_alerts([], ended=[], mails=[("first", "one")])
        sending = asyncio.create_task(mailer.send_due())
        await server.box.hesitates.wait()
        loop, late = asyncio.get_running_loop(), asyncio.get_running_loop().time() + 2 * mailer_module.ANSWER_TIMEOUT
        with monkeypatch.context() as ahead:
            ahead.setattr(loop, "time", lambda: late)
            for _ in range(10):  # what is over by now ends
                await turn()
            taking.set()
            await sending
        await mailer.send_due()
        assert server.box.subjects == ["first"]
    assert await ledger.outbox.mails_waiting() == 0
    assert mailer_module.DELIVERY_TIMEOUT == 600
    await ledger.close()


async def test_mail_that_can_not_be_written_delays_no_other(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "faucet.db")
    async with mail_server() as server:
        mailer = Mailer(settings(server.port), ledger.outbox)
        mails = [("a\nline", "one"), ("second", "two")]
        await ledger.outbox.save_alerts([], ended=[], mails=mails)
        await mailer.send_due()
        assert server.box.subjects == ["second"]
    assert await ledger.outbox.mails_waiting() == 1
    await ledger.close()


@pytest.mark.parametrize("mode", ["auto", "starttls"])
async def test_password_is_sent_over_tls(tls: ssl.SSLContext, mode: str) -> None:
    async with mail_server(tls=tls, auth=True) as server:
        config = settings(server.port, mail_tls=mode, mail_user=USER, mail_pass=PASSWORD)
        await send(config, compose(config, "secret", "x", 0))
        assert server.box.subjects == ["secret"]
        wrong = settings(server.port, mail_tls=mode, mail_user=USER, mail_pass="wrong")
        with pytest.raises(MailError) as caught:
            await send(wrong, compose(wrong, "secret", "x", 0))
        assert "wrong" not in str(caught.value)


@pytest.mark.parametrize(("mode", "words"), [("auto", "offers no TLS"), ("starttls", "STARTTLS")])
async def test_password_is_not_sent_without_tls(mode: str, words: str) -> None:
    async with mail_server() as server:
        config = settings(server.port, mail_tls=mode, mail_user=USER, mail_pass=PASSWORD)
        with pytest.raises(MailError, match=words):
            await send(config, compose(config, "secret", "x", 0))


async def test_untrusted_certificate_is_refused(tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")

    async with mail_server(tls=tls) as server:
        config = settings(server.port)
        with pytest.raises(MailError, match="certificate"):
            await send(config, compose(config, "x", "x", 0))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("mail.x.org", "mail.x.org", 25), ("mail.x.org:587", "mail.x.org", 587), ("[::1]:2525", "::1", 2525)],
)
def test_mail_server_address_is_parsed(text: str, host: str, port: int) -> None:
    assert address(text) == (host, port)


def test_malformed_mail_server_address_is_refused() -> None:
    with pytest.raises(MailError, match="HOST:PORT"):
        address("mail.x.org:port")


async def test_alert_without_admins_writes_no_mail(tmp_path: Path) -> None:
    ledger = await Ledger.open(tmp_path / "faucet.db")
    await ledger.pauses.auto_pause("No money.")
    await Alerts(Settings(), ledger, wake=lambda: None).evaluate_once()
    assert [alert.text for alert in await ledger.outbox.alerts()] == ["No money."]
    assert await ledger.outbox.mails_waiting() == 0
    await ledger.close()


async def test_low_balance_is_mailed_by_the_server(tmp_path: Path) -> None:
    async with dev_chain() as chain, mail_server() as server:
        mail = {"mail_host": f"127.0.0.1:{server.port}", "admins": ["ann@x.org"], "balance_mailthreshold": 10**9}
        async with faucet(tmp_path, chain.url, **mail):
            await server.box.holds(1)
    assert server.box.subjects == ["Faucet faucet: the registrar's balance is low"]


async def test_testmail_sends_a_mail_or_says_why_not(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("log_level: info\n")
    code, _, errors = await command("testmail", "--config", str(config))
    assert (code, errors.startswith("mail_host is not configured")) == (1, True)
    async with mail_server() as server:
        config.write_text(f"mail_host: 127.0.0.1:{server.port}\nadmins: ann@x.org\n")
        assert (await command("testmail", "--config", str(config)))[0] == 0
        assert server.box.subjects == ["Faucet faucet: a test"]
        server.box.refusal = "554 not today"
        code, _, errors = await command("testmail", "--config", str(config))
        assert (code, "not today" in errors) == (1, True)
        server.box.refusal = None
        server.box.refused["bob@x.org"] = "550 no such user"
        config.write_text(f"mail_host: 127.0.0.1:{server.port}\nadmins: [ann@x.org, bob@x.org]\n")
        code, output, errors = await command("testmail", "--config", str(config))
        assert (code, "ann@x.org" in output, "bob@x.org" in output) == (1, True, False)
        assert errors.endswith("did not take it for all: bob@x.org is refused: 550 no such user\n")
        check = (await command("check", "--config", str(config)))[1]
        assert "ok   mail: " in check


async def test_server_names_the_recipient_that_is_refused(tmp_path: Path) -> None:
    box = Mailbox(refused={"bob@x.org": "550 no such user"})
    async with dev_chain() as chain, mail_server(box=box) as server:
        mail = {"mail_host": f"127.0.0.1:{server.port}", "admins": ["ann@x.org", "bob@x.org"]}
        async with faucet(tmp_path, chain.url, balance_mailthreshold=10**9, **mail) as service:
            await box.holds(1)
            while b"faucet_mails_waiting 0" not in (await service.fetch("/metrics")).body:
                """The page has no event."""
    assert box.recipients == [["ann@x.org"]]
    assert "bob@x.org is refused: 550 no such user" in (tmp_path / "log").read_text()


async def test_hanging_mail_server_delays_no_signup(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with dev_chain() as chain:
            mail = {"mail_host": f"127.0.0.1:{silent.getsockname()[1]}", "admins": ["ann@x.org"]}
            async with faucet(tmp_path, chain.url, balance_mailthreshold=10**9, **mail) as service:
                connection, _ = await asyncio.to_thread(silent.accept)
                job = (await service.sign_up("alice-1")).body["job"]["id"]
                await service.job(job, until="done")
                connection.close()
