"""Who comes in to the operators' pages, and who does not."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from handlers.http.client import is_https
from jobs.settings import Settings
from jobs.settings.passwords import hash_password
from tests.harness.loglines import log_lines
from tests.harness.operators import HASH, PASSWORD, QUICK, Operator, operated
from tests.harness.serving import NOW, serving

PAGES = ("/admin", "/admin/jobs", "/admin/jobs/anything", "/admin/audit", "/admin/sessions")
FORMS = (
    "/admin/logout", "/admin/intake/pause", "/admin/drain/resume", "/admin/jobs/anything/retry", "/admin/export",
    "/admin/sessions/end",
)  # fmt: skip
#: Headers that a proxy on this machine sets for a client elsewhere.
FROM_AFAR = {"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"}


async def test_without_a_password_there_are_no_such_pages(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        operator = Operator(served)
        for path in PAGES:
            reply = await operator.see(path)
            assert (reply.status, "hash-password" in reply.body, "admin_password_hash" in reply.body) == (
                404,
                True,
                True,
            )
        for path in ("/admin", *FORMS):
            assert (await operator.send(path, name="ann", password="")).status == 404


async def test_login_leads_back_to_where_it_came_from(tmp_path: Path) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        operator = Operator(served)
        wanted = "/admin/jobs?search=al&state=failed"
        away = await operator.see(wanted)
        assert (away.status, away.headers["Location"]) == (303, f"/admin?next={quote(wanted, safe='')}")
        login = await operator.see(away.headers["Location"])
        assert (login.status, 'value="/admin/jobs?search=al&amp;state=failed"' in login.body) == (200, True)
        reply = await operator.send("/admin", name="ann", password=PASSWORD, next="/admin/jobs?search=al&state=failed")
        assert (reply.status, reply.headers["Location"]) == (303, "/admin/jobs?search=al&state=failed")
        assert "logged in as ann" in (await operator.see("/admin/jobs")).body
        assert [(entry.who, entry.what) for entry in await served.ledger.operators.audit()] == [("ann", "login")]


async def test_hash_of_an_earlier_version_still_logs_in(tmp_path: Path) -> None:
    old = "$scrypt$ln=4,r=8,p=1$81Lm1qoM0H7DFgS6Js49VA$bh1qtYytZYLcG7Xz8SXBdAdDXy9AFtLcAgATmIk8IJ8"
    async with serving(tmp_path, admin_password_hash=old) as served:
        assert (await Operator(served).log_in(password="guess")).status == 403
        assert (await Operator(served).log_in(password="secret")).status == 303


@pytest.mark.parametrize(
    "target", ["", "//evil.example/admin", "https://evil.example/admin", "/administrator", "/admin\\@evil.example", "/"]
)
async def test_login_leads_nowhere_else(tmp_path: Path, target: str) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        reply = await Operator(served).log_in(next=target)
        assert (reply.status, reply.headers["Location"]) == (303, "/admin")


@pytest.mark.parametrize(
    ("name", "password", "problem"),
    [
        ("ann", "wrong", "That password is wrong."),
        ("ann", "", "That password is wrong."),
        ("", PASSWORD, "Please say who you are"),
        ("a" * 65, PASSWORD, "Please say who you are"),
    ],
)
async def test_login_that_is_refused(tmp_path: Path, name: str, password: str, problem: str) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        operator = Operator(served)
        reply = await operator.log_in(name, password)
        assert (reply.status, problem in reply.body, f'value="{name}"' in reply.body) == (403, True, True)
        assert "faucet_session" not in operator.cookies
        assert await served.ledger.operators.audit() == []


@pytest.mark.parametrize("path", PAGES)
async def test_who_is_not_logged_in_sees_nothing(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        await served.accept("alice-1")
        reply = await Operator(served).see(path)
        assert (reply.status, "alice-1" in str(reply.body)) == (200 if path == "/admin" else 303, False)


@pytest.mark.parametrize("path", FORMS)
async def test_who_is_not_logged_in_does_nothing(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        stranger = Operator(served)
        await stranger.see("/admin")
        reply = await stranger.send(path, reason="because")
        assert (reply.status, reply.headers["Location"]) == (303, "/admin")
        assert (await served.ledger.operators.audit(), await served.ledger.pauses.active()) == ([], {})


@pytest.mark.parametrize("token", ["", "2|00000000|00000000000000000000000000000000|1", "0" * 32])
@pytest.mark.parametrize("path", FORMS)
async def test_form_of_another_page_does_nothing(tmp_path: Path, path: str, token: str) -> None:
    """It can't know the token, even if it makes an operator's browser send it."""

    async with operated(tmp_path) as (served, operator):
        operator.token = token
        reply = await operator.send(path, reason="because")
        assert (reply.status, "load its page again" in reply.body) == (403, True)
        assert [entry.what for entry in await served.ledger.operators.audit()] == ["login"]


async def test_cookies_stay_with_these_pages(tmp_path: Path) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        for headers, secure in (({}, False), (FROM_AFAR, True)):
            operator = Operator(served, headers=dict(headers))
            await operator.see("/admin")
            cookies = dict(operator.cookies)
            assert cookies.keys() == {"_xsrf"}
            assert (await operator.log_in()).status == 303
            await operator.send("/admin/intake/resume")
            assert operator.cookies.keys() == {"faucet_session", "faucet_message"}
            for cookie in (*cookies.values(), *operator.cookies.values()):
                assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/admin", True, "Strict")
                assert bool(cookie["secure"]) is secure
            assert operator.cookies["faucet_session"]["max-age"] == str(12 * 3600)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"X-Forwarded-For": "192.0.2.1"}, 403),
        ({"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "http"}, 403),
        (FROM_AFAR, 200),
    ],
)
async def test_password_is_taken_over_https_or_from_this_machine(
    tmp_path: Path, headers: Mapping[str, str], status: int
) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        reply = await Operator(served, headers=dict(headers)).see("/admin")
        assert (reply.status, "HTTPS only" in reply.body) == (status, status == 403)


@pytest.mark.parametrize(
    ("peer", "protocol", "forwarded", "secure"),
    [
        ("192.0.2.1", "https", [], True),
        ("192.0.2.1", "http", ["https"], False),
        ("127.0.0.1", "http", [], False),
        ("127.0.0.1", "http", ["http, HTTPS"], True),
        ("127.0.0.1", "http", ["https", "http"], False),
        ("", "http", ["https"], False),
    ],
)
def test_https_is_believed_of_trusted_proxies(peer: str, protocol: str, forwarded: list[str], secure: bool) -> None:
    assert is_https(peer, protocol, forwarded, Settings().trusted_proxies) is secure


@pytest.mark.parametrize(
    "change", [{"secret_key": "b"}, {"secret_key": "a", "admin_password_hash": hash_password("new", hasher=QUICK)}]
)
async def test_session_outlives_the_program_but_no_change_of_secret_or_password(
    tmp_path: Path, change: Mapping[str, Any]
) -> None:
    async with operated(tmp_path, secret_key="a") as (_, operator):
        pass
    for settings, status in (({"admin_password_hash": HASH, "secret_key": "a"}, 200), (change, 303)):
        async with serving(tmp_path, **{"admin_password_hash": HASH, **settings}) as served:
            operator.served = served
            assert (await operator.see("/admin/jobs")).status == status


async def test_guesses_are_slowed_down(tmp_path: Path) -> None:
    """Five at once, then one a minute; not even the right password is looked at in between."""

    time = float(NOW)
    async with serving(tmp_path, admin_password_hash=HASH, clock=lambda: time) as served:
        guesser = Operator(served, headers=dict(FROM_AFAR))
        for _ in range(5):
            assert (await guesser.log_in(password="guess")).status == 403
        reply = await guesser.log_in()
        assert (reply.status, reply.headers["Retry-After"]) == (429, "60")
        assert "Please wait 60 seconds" in reply.body
        time += 60
        assert (await guesser.log_in()).status == 303
        # A right password costs nothing.
        assert [(await guesser.log_in()).status for _ in range(3)] == [303] * 3


async def test_guesses_from_many_addresses_are_slowed_down_together(tmp_path: Path) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        for number in range(10):
            guesser = Operator(served, headers={**FROM_AFAR, "X-Forwarded-For": f"192.0.2.{number}"})
            assert [(await guesser.log_in(password="x")).status for _ in range(5)] == [403] * 5
        late = await Operator(served, headers={**FROM_AFAR, "X-Forwarded-For": "198.51.100.1"}).log_in()
        assert (late.status, late.headers["Retry-After"]) == (429, "2")
        assert (await Operator(served).log_in()).status == 303  # on this machine


async def test_password_is_in_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with operated(tmp_path) as (_, operator):
            await operator.log_in(password="another secret")

    with caplog.at_level(logging.DEBUG):
        await scenario()
    text = "".join(log_lines(caplog.records))
    assert "route=admin " in text
    assert not [word for word in (PASSWORD, "another", "horse") if word in text]


async def test_body_that_is_too_large(tmp_path: Path) -> None:
    async with operated(tmp_path) as (_, operator):
        reply = await operator.send("/admin/intake/pause", reason="x" * 20_000)
        assert reply.status == 413


@pytest.mark.parametrize("path", [*PAGES, "/admin/export"])
async def test_no_other_site_reads_these_pages(tmp_path: Path, path: str) -> None:
    async with operated(tmp_path) as (_, operator):
        operator.headers = {"Origin": "https://evil.example"}
        headers = (await operator.see(path)).headers
        assert not [name for name in headers if name.startswith("Access-Control")]
        assert headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        assert headers["X-Frame-Options"] == "DENY"
