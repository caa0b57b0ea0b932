"""The API's replies, status by status, from the real application and ledger; no chain is needed for them."""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tornado.httpclient import AsyncHTTPClient

from chain.wallet import derive_key
from handlers.app import ROUTES
from handlers.base import Parts
from handlers.openapi import DOCUMENT
from handlers.server import bind, listen, url_of
from jobs.config import Settings
from jobs.errors import Code
from jobs.ledger import Ledger
from jobs.metrics import Metrics
from jobs.model import ChainFacts, Draft, Kind
from jobs.snapshot import Snapshot
from tests.program import ROOT, Reply, keys_of
from tests.support import run

API = ("/api/v1/accounts", "/faucet", "/faucet/api/v1/accounts", "/bob/api/v1/accounts")
READS = ("/api/v1/accounts/alice-1", "/api/v1/jobs/x", "/api/v1/jobs/x/events", "/api/v1/chain", "/api/v1/openapi.json")
WIF = derive_key("alice-1", "owner", "secret").wif()
FACTS = ChainFacts(
    chain_id="00" * 32, prefix="TEST", symbol="TEST", precision=5, registrar_id="1.2.7", balance=10**9, fee=514_000,
    head_block=7, head_time=int(time.time()), irreversible_block=3, connected=True, node="ws://127.0.0.1:1",
    names_complete=True, seen_at=0,
)  # fmt: skip


@dataclass
class Served:
    """The application, listening."""

    url: str
    ledger: Ledger
    snapshot: Snapshot

    async def fetch(self, path: str, **options: Any) -> Reply:
        """A reply, JSON decoded."""
        response = await AsyncHTTPClient().fetch(self.url + path, raise_error=False, **options)
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return Reply(
            response.code, response.headers, json.loads(response.body) if is_json and response.body else response.body
        )

    async def post(self, account: Any, path: str = API[0], **options: Any) -> Reply:
        """Post a signup."""
        return await self.fetch(path, method="POST", body=msgspec.json.encode({"account": account}), **options)


@contextlib.asynccontextmanager
async def served(folder: Path, **settings: Any) -> AsyncIterator[Served]:
    """The application on a free port, with a ledger that has met a chain."""
    config = Settings(ledger=folder / "faucet.db", devchain_data=folder / "unused", **settings)
    ledger = await Ledger.open(config.ledger)
    await ledger.put_facts(FACTS)
    snapshot = Snapshot(ledger)
    await snapshot.refresh()
    listener = bind("127.0.0.1", 0)
    server = listen(Parts(config, ledger, snapshot, Metrics()), listener)
    try:
        yield Served(url_of(listener), ledger, snapshot)
    finally:
        server.stop()
        ledger.changes.close()
        await server.close_all_connections()
        await ledger.close()


def account(name: Any = "alice-1", **changes: Any) -> dict[str, Any]:
    """A valid signup, changed; a change to None leaves the field out."""
    fields = {"name": name, **keys_of(str(name)), **changes}
    return {field: value for field, value in fields.items() if value is not None}


KEY = keys_of("alice-1")["owner_key"]

REFUSED: list[tuple[dict[str, Any], int, str, str | None]] = [
    (account(owner_key=None), 400, "missing_field", "owner_key"),
    (account(memo_key=""), 400, "missing_field", "memo_key"),
    (account(name=7), 400, "bad_request", "name"),
    (account(email="a\nb"), 400, "bad_request", "email"),
    (account(real_name="x" * 256), 400, "bad_request", "real_name"),
    (account("Alice-1"), 422, "invalid_name", "name"),
    (account("alice--"), 422, "invalid_name", "name"),
    (account("a" * 64), 422, "invalid_name", "name"),
    (account("alice"), 422, "premium_name", "name"),
    (account(active_key="00"), 422, "invalid_key", "active_key"),
    (account(active_key="abcdef"), 422, "invalid_key", "active_key"),
    (account(owner_key="BTS" + KEY[4:]), 422, "invalid_key", "owner_key"),
    (account(owner_key=KEY[:-1] + ("2" if KEY[-1] != "2" else "3")), 422, "invalid_key", "owner_key"),
    (account(owner_key=KEY[:-1] + "0"), 422, "invalid_key", "owner_key"),
    (account(owner_key=KEY + "1"), 422, "invalid_key", "owner_key"),
    (account(memo_key=WIF), 422, "private_key_sent", "memo_key"),
    (account(real_name=WIF), 422, "private_key_sent", "real_name"),
    (account(referrer="bob"), 422, "unknown_referrer", "referrer"),
]


@pytest.mark.parametrize(("given", "status", "code", "field"), REFUSED)
def test_refusals_name_code_and_field(
    tmp_path: Path, given: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            reply = await api.post(given)
            assert (reply.status, reply.body["error"]["code"], reply.body["error"].get("field")) == (
                status,
                code,
                field,
            )
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert reply.headers["X-Request-ID"]
            assert await api.ledger.jobs() == []

    run(scenario())


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"account": []}', b"\xff\xfe", b'{"account": ' + b"[" * 5000,
     b'{"account": {"name": NaN}}', b'{"account": {"name": "\\ud800"}}', b'{"account": {"name": 1e999}}'],
)  # fmt: skip
def test_what_is_no_signup_is_a_bad_request(tmp_path: Path, body: bytes) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            reply = await api.fetch(API[0], method="POST", body=body)
            assert (reply.status, reply.body["error"]["code"]) == (400, "bad_request")

    run(scenario())


def test_old_clients_find_their_sentences(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            await api.post(account(), headers={"X-Forwarded-For": "192.0.2.1"})
            said = [
                await api.post(account(owner_key=None)),
                await api.post(account(owner_key=keys_of("other")["owner_key"])),
                await api.post(account("premium")),
                await api.post(account("bob-1", referrer="bob")),
                await api.post(account("bob-1"), headers={"X-Forwarded-For": "192.0.2.1"}),
            ]
            assert [reply.body["error"]["base"][0] for reply in said] == [
                "Please provide 'owner_key'",
                "Account exists",
                "Only cheap names allowed!",
                "Unknown referrer: bob",
                "Only one account per IP",
            ]
            assert [reply.status for reply in said] == [400, 409, 422, 422, 429]
            assert 0 < int(said[4].headers["Retry-After"]) <= 300

    run(scenario())


def test_private_key_leaves_no_trace(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            reply = await api.post(account(owner_key=WIF))
            assert "consider it exposed" in reply.body["error"]["base"][0]
            assert WIF not in json.dumps(reply.body)

    with caplog.at_level(0):
        run(scenario())
    assert WIF not in caplog.text
    assert not [path for path in tmp_path.iterdir() if WIF.encode() in path.read_bytes()]


def test_limit_between_two_signups_of_one_address(tmp_path: Path) -> None:
    """IPv6 counts by /64; who comes straight from this machine is exempt; no stranger chooses its address."""

    async def scenario() -> None:
        async with served(tmp_path) as api:
            asked = [
                ("one-1", {"X-Forwarded-For": "2001:db8::1"}, 200),
                ("one-2", {"X-Forwarded-For": "2001:db8::2"}, 429),
                ("one-3", {"X-Forwarded-For": "2001:db8:0:1::1"}, 200),
                ("one-4", {"X-Real-IP": "192.0.2.9"}, 200),
                ("one-5", {"X-Forwarded-For": "203.0.113.1, 192.0.2.9"}, 429),
                ("one-6", {}, 200),
                ("one-7", {}, 200),
            ]
            replies = [await api.post(account(name), headers=headers) for name, headers, _ in asked]
            assert [reply.status for reply in replies] == [status for _, _, status in asked]
            again = await api.post(account("one-1"), headers={"X-Forwarded-For": "2001:db8::1"})
            assert again.body["job"] == replies[0].body["job"]

    run(scenario())


@pytest.mark.parametrize(
    ("setting", "prepare", "code"),
    [({"queue_limit": 1}, "fill", "overloaded"), ({}, "pause", "paused"), ({}, "close", "ledger_unavailable")],
)
def test_unavailable_says_when_to_come_again(tmp_path: Path, setting: dict[str, Any], prepare: str, code: str) -> None:
    async def scenario() -> None:
        async with served(tmp_path, **setting) as api:
            if prepare == "fill":
                await api.post(account("first-1"))
            elif prepare == "pause":
                await api.ledger.pause("intake", "maintenance", by="operator")
            else:
                await break_ledger(tmp_path / "faucet.db")
            reply = await api.post(account())
            assert (reply.status, reply.body["error"]["code"]) == (503, code)
            assert int(reply.headers["Retry-After"]) > 0

    run(scenario())


async def break_ledger(path: Path) -> None:
    """Take a table away beneath the program."""
    process = await asyncio.create_subprocess_exec(
        "python3", "-c", f"import sqlite3; sqlite3.connect({str(path)!r}).execute('DROP TABLE addresses')"
    )
    assert await process.wait() == 0


def test_too_large_with_and_without_a_length(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            reply = await api.fetch(API[0], method="POST", body=b"x" * 20_000)
            assert (reply.status, reply.body["error"]["code"]) == (413, "too_large")

            async def chunks(write: Any) -> None:
                for _ in range(20):
                    await write(b"x" * 1000)

            reply = await api.fetch(API[0], method="POST", body_producer=chunks)
            assert (reply.status, reply.body["error"]["code"]) == (413, "too_large")

    run(scenario())


@pytest.mark.parametrize("path", [*API, *READS])
def test_every_address_answers_a_browser_that_asks_first(tmp_path: Path, path: str) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            reply = await api.fetch(path, method="OPTIONS")
            assert reply.status == 204
            assert reply.headers["Access-Control-Allow-Origin"] == "*"
            assert "OPTIONS" in reply.headers["Access-Control-Allow-Methods"]
            wrong = await api.fetch(path, method="DELETE")
            assert (wrong.status, wrong.body["error"]["code"]) == (405, "method_not_allowed")
            assert wrong.headers["Allow"]

    run(scenario())


@pytest.mark.parametrize("path", ["/api", "/api/v2/accounts", "/api/v1/jobs/unknown", "/api/v1/nothing"])
def test_unknown_addresses_of_the_api_are_json(tmp_path: Path, path: str) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            reply = await api.fetch(path)
            assert (reply.status, reply.body["error"]["code"]) == (404, "not_found")
            assert reply.headers["Access-Control-Allow-Origin"] == "*"

    run(scenario())


def test_only_named_origins(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path, cors_origins=("https://wallet.example",)) as api:
            mine = await api.fetch("/api/v1/chain", headers={"Origin": "https://wallet.example"})
            other = await api.fetch("/api/v1/chain", headers={"Origin": "https://other.example"})
            assert mine.headers["Access-Control-Allow-Origin"] == "https://wallet.example"
            assert "Access-Control-Allow-Origin" not in other.headers

    run(scenario())


def test_request_id_is_the_clients_if_it_is_sane(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            given = await api.fetch("/healthz", headers={"X-Request-ID": "abc-1"})
            strange = await api.fetch("/healthz", headers={"X-Request-ID": "a b<c>"})
            assert given.headers["X-Request-ID"] == "abc-1"
            assert strange.headers["X-Request-ID"] != "a b<c>"

    run(scenario())


def test_internal_error_tells_an_incident_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> None:
        raise ZeroDivisionError("the inside of the program")

    async def scenario() -> None:
        async with served(tmp_path) as api:
            monkeypatch.setattr(api.ledger, "availability", fail)
            reply = await api.fetch("/api/v1/accounts/alice-1")
            assert (reply.status, reply.body["error"]["code"]) == (500, "internal")
            assert re.search(r"Incident [0-9a-f]{12}\.", reply.body["error"]["base"][0])
            assert "ZeroDivision" not in json.dumps(reply.body)

    run(scenario())


def test_job_waits_for_its_next_state(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            job = (await api.post(account())).body["job"]
            waiting = asyncio.create_task(api.fetch(job["url"] + "?wait=20"))
            preferring = asyncio.create_task(api.fetch(job["url"], headers={"Prefer": "respond-async, wait=20"}))
            while len(api.ledger.changes.watched(job["id"])) < 2:
                await api.fetch("/healthz")
            number = (await api.ledger.jobs())[0].number
            await api.ledger.record_signed([Draft(Kind.REGISTRATION, "id", "sig", "{}", 0, 10**10, (number,), (1,))])
            assert [(await task).body["job"]["state"] for task in (waiting, preferring)] == ["broadcast"] * 2
            bad = await api.fetch(job["url"] + "?wait=soon")
            assert (bad.status, bad.body["error"]["field"]) == (400, "wait")

    run(scenario())


def test_held_signup_that_fails_is_answered_by_its_error(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            posting = asyncio.create_task(api.post(account(), "/faucet?wait=20"))
            while not (jobs := await api.ledger.jobs()) or not api.ledger.changes.watched(jobs[0].id):
                await api.fetch("/healthz")
            await api.ledger.fail({jobs[0].number: (Code.ACCOUNT_EXISTS, "Account exists")})
            reply = await posting
            assert (reply.status, reply.body["error"]["code"]) == (409, "account_exists")

    run(scenario())


def test_readiness_says_what_is_missing(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            assert (await api.fetch("/readyz")).status == 200
            await api.ledger.put_facts(ChainFacts(balance=5, fee=6, head_time=1, connected=False))
            await api.ledger.pause("intake", "maintenance", by="operator")
            await api.snapshot.refresh()
            reply = await api.fetch("/readyz")
            assert reply.status == 503
            assert {name for name, check in reply.body["checks"].items() if not check["ok"]} == {
                "chain", "head", "registrar", "intake",
            }  # fmt: skip
            assert (await api.fetch("/healthz")).status == 200

    run(scenario())


def test_metrics_have_the_names_of_the_contract(tmp_path: Path) -> None:
    names = (
        'faucet_signups_total{outcome="accepted"}', 'faucet_signups_total{outcome="invalid_key"}',
        'faucet_jobs{state="queued"} 1.0', "faucet_registration_seconds_bucket", "faucet_batch_accounts_bucket",
        "faucet_transactions_total", "faucet_registrar_balance 10000.0", "faucet_account_fee 5.14",
        "faucet_chain_connected 1.0", "faucet_chain_head_block 7.0", "faucet_chain_head_age_seconds",
        'faucet_http_request_seconds_count{method="POST",route="signup",status="200"} 1.0',
    )  # fmt: skip

    async def scenario() -> None:
        async with served(tmp_path) as api:
            await api.post(account())
            await api.post(account("bob-1", owner_key="x"))
            text = (await api.fetch("/metrics")).body.decode()
            assert [name for name in names if name not in text] == []

    run(scenario())


class Links(HTMLParser):
    """Every address that a page loads or links to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def test_pages_load_nothing_from_elsewhere_and_show_no_keys(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            job = (await api.post(account(), headers={"X-Forwarded-For": "192.0.2.1"})).body["job"]
            for path in ("/", "/status", f"/jobs/{job['id']}", "/nothing"):
                reply = await api.fetch(path)
                assert reply.status == (404 if path == "/nothing" else 200)
                page = reply.body.decode()
                links = Links()
                links.feed(page)
                assert [link for link in links.found if not link.startswith("/")] == []
                assert [(await api.fetch(link)).status for link in links.found if "static" in link] == [200] * 4
                assert reply.headers["Content-Security-Policy"].startswith("default-src 'self'")
                assert KEY not in page
                assert "192.0.2.1" not in page
            assert "alice-1" in (await api.fetch("/status")).body.decode()

    run(scenario())


def test_description_has_every_address_of_the_api() -> None:
    served_paths = {pattern.replace(r"\.", ".") for pattern, _ in ROUTES if pattern.startswith("/api/v1")}
    described = {re.sub(r"\{\w+\}", "([^/]+)", path) for path in DOCUMENT["paths"]}
    assert described | {"/api/v1/openapi.json"} == served_paths


def test_description_is_served(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as api:
            assert (await api.fetch("/api/v1/openapi.json")).body == json.loads(json.dumps(DOCUMENT))

    run(scenario())


def test_codes_of_the_contract_have_a_status() -> None:
    source = (ROOT / "handlers" / "errors.py").read_text()
    assert [code for code in Code if f"Code.{code.name}:" not in source] == []
