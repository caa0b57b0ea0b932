"""Sessions of operators: what ends them, and the forms that belong to them."""

import sqlite3
from contextlib import AsyncExitStack, closing
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from jobs.ledger.sessions import hash_of
from jobs.ledger.sqlite import engine
from jobs.settings.passwords import hash_password
from tests.harness.ledgers import raw
from tests.harness.operators import HASH, PASSWORD, QUICK, Operator, operated
from tests.harness.pages import Page
from tests.harness.serving import NOW, serving

MINUTE, HOUR = 60, 3600
SESSION = "faucet_session"
REFRESHING = {"Sec-Fetch-Dest": "empty"}  #: what browsers send when a script fetches a page


def put_cookie(operator: Operator, name: str, value: str) -> None:
    operator.cookies[name] = SimpleCookie({name: value})[name]


async def is_in(operator: Operator) -> bool:
    return (await operator.see("/admin/jobs")).status == 200


async def test_log_out_ends_the_session_in_every_process(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        settings: dict[str, Any] = {"admin_password_hash": HASH, "secret_key": "shared"}
        one, other = [await stack.enter_async_context(serving(tmp_path, **settings)) for _ in range(2)]
        operator = Operator(one)
        await operator.log_in()
        thief = operator.twin()
        thief.served = other
        assert await is_in(thief)
        assert (await operator.send("/admin/logout")).headers["Location"] == "/admin"
        assert SESSION not in operator.cookies
        for served in (other, one):
            thief.served = served
            assert not await is_in(thief)
            assert (await thief.send("/admin/intake/pause", reason="x")).headers["Location"] == "/admin"
        assert await one.ledger.pauses.active() == {}
        assert raw(tmp_path, "SELECT * FROM sessions") == []


async def test_session_ends_twelve_hours_after_the_login(tmp_path: Path) -> None:
    time = float(NOW)
    async with operated(tmp_path, clock=lambda: time) as (_, operator):
        for _ in range(12):
            time += HOUR
            assert await is_in(operator)
        time += 1
        assert not await is_in(operator)
        time -= HOUR
        assert (await operator.log_in()).status == 303
        assert len(raw(tmp_path, "SELECT * FROM sessions")) == 1


async def test_session_ends_after_an_hour_without_use(tmp_path: Path) -> None:
    time = float(NOW)
    async with operated(tmp_path, clock=lambda: time) as (_, operator):
        time += HOUR + 1
        assert not await is_in(operator)
        assert (await operator.send("/admin/intake/pause", reason="x")).headers["Location"] == "/admin"


async def test_page_that_refreshes_itself_keeps_no_session(tmp_path: Path) -> None:
    time = float(NOW)
    async with operated(tmp_path, clock=lambda: time) as (_, operator):
        operator.headers = REFRESHING
        for _ in range(6):
            assert await is_in(operator)
            time += 10 * MINUTE
        assert await is_in(operator)
        time += 1
        assert not await is_in(operator)


async def test_page_is_shown_while_the_last_use_can_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the one that says why."""
    monkeypatch.setattr(engine, "LOCK_TIMEOUT", 0)
    time = float(NOW)
    async with operated(tmp_path, clock=lambda: time) as (_, operator):
        time += 10 * MINUTE
        with closing(sqlite3.connect(tmp_path / "faucet.db", isolation_level=None)) as shell:
            shell.execute("BEGIN IMMEDIATE")
            assert await is_in(operator)


@pytest.mark.parametrize("value", ["A" * 43, "x", "2|1:0|10:1800000000|14:faucet_session|4:YW5u|00"])
async def test_login_takes_no_id_from_before(tmp_path: Path, value: str) -> None:
    """An attacker may have put that cookie into the browser."""
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        operator, attacker = Operator(served), Operator(served)
        for each in (operator, attacker):
            put_cookie(each, SESSION, value)
        assert (await operator.log_in()).status == 303
        assert operator.cookies[SESSION].value != value
        assert (await is_in(operator), await is_in(attacker)) == (True, False)


async def test_login_ends_the_session_before_it(tmp_path: Path) -> None:
    async with operated(tmp_path) as (_, operator):
        before = operator.twin()
        assert (await operator.send("/admin", name="bob", password=PASSWORD)).status == 303
        assert operator.cookies[SESSION].value != before.cookies[SESSION].value
        assert (await is_in(operator), await is_in(before)) == (True, False)


async def test_token_is_of_no_use_in_another_session(tmp_path: Path) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        ann, bob, stranger = Operator(served), Operator(served), Operator(served)
        await stranger.see("/admin")
        await ann.see("/admin")
        before = ann.token
        await ann.log_in()
        await bob.log_in("bob")
        own = ann.token
        for token in (before, stranger.token, bob.token):
            ann.token = token
            assert (await ann.send("/admin/intake/pause", reason="x")).status == 403
        ann.token = own
        assert (await ann.send("/admin/drain/pause", reason="x")).status == 303
        assert (await served.ledger.pauses.active()).keys() == {"drain"}


async def test_token_changes_at_login_and_logout(tmp_path: Path) -> None:
    async with serving(tmp_path, admin_password_hash=HASH) as served:
        operator = Operator(served)
        tokens = []
        for _ in range(2):
            await operator.see("/admin")
            tokens.append(operator.token)
            await operator.log_in()
            tokens.append(operator.token)
            await operator.send("/admin/logout")
        assert len({*tokens}) == 4
        for token in tokens:
            operator.token = token
            assert (await operator.send("/admin", name="ann", password=PASSWORD)).status == 403


@pytest.mark.parametrize("token", ["", "é", "\U0001f600", "0" * 32, "x" * 10_000])
async def test_token_may_be_any_text(tmp_path: Path, token: str) -> None:
    async with operated(tmp_path) as (_, operator):
        operator.token = token
        assert (await operator.send("/admin/intake/pause", reason="x")).status == 403


async def test_sessions_are_listed_and_ended_all_at_once(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        other = Operator(served)
        await other.log_in("bob <b>")
        shown = Page((await operator.see("/admin/sessions")).body).text
        assert shown.count("2027-01-15 08:00:00 UTC") == 4
        assert "bob <b>" in shown
        assert (shown.count("this browser"), shown.count("elsewhere")) == (1, 1)
        page = await operator.do("/admin/sessions/end")
        assert ("All sessions are ended, this one too." in page, 'name="password"' in page) == (True, True)
        assert [await is_in(each) for each in (operator, other)] == [False, False]
        assert [(entry.who, entry.what) for entry in await served.ledger.operators.audit()] == [
            ("ann", "end sessions"),
            ("bob <b>", "login"),
            ("ann", "login"),
        ]


async def test_session_of_another_password_is_not_listed_and_does_not_come_back(tmp_path: Path) -> None:
    new = hash_password("new", hasher=QUICK)
    async with operated(tmp_path, secret_key="a") as (_, operator):
        pass
    async with serving(tmp_path, secret_key="a", admin_password_hash=new) as served:
        late = Operator(served)
        await late.log_in(password="new")
        assert "elsewhere" not in (await late.see("/admin/sessions")).body
    async with serving(tmp_path, secret_key="a", admin_password_hash=HASH) as served:
        operator.served = served
        assert not await is_in(operator)


async def test_ledger_holds_no_id_that_opens_a_session(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        session_id = operator.cookies[SESSION].value
        for file in tmp_path.glob("faucet.db*"):
            assert session_id.encode() not in file.read_bytes()
        thief = Operator(served)
        for (hashed,) in raw(tmp_path, "SELECT hash FROM sessions"):
            assert hashed == hash_of(session_id)
            put_cookie(thief, SESSION, hashed)
            assert not await is_in(thief)
