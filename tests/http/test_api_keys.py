"""API keys over HTTP: who sends one is known, who sends anything else is told so, and nothing repeats it."""

import logging
from pathlib import Path

import pytest

from jobs.ledger import Ledger
from jobs.model.api_key import NewApiKey
from jobs.monitoring.metrics import MAX_KEYS, Metrics
from tests.harness.operators import operated
from tests.harness.program import HttpReply
from tests.harness.serving import CLIENT, Serving, serving, signup_of

KEY = "faucet_" + "k" * 32
BEARER = {**CLIENT, "Authorization": f"Bearer {KEY}"}
ALIASES = ("/api/v1/accounts", "/faucet", "/faucet/api/v1/accounts", "/bob-1/api/v1/accounts")


async def create(ledger: Ledger, *, per_minute: int = 60, origins: tuple[str, ...] = ()) -> int:
    return await ledger.api_keys.create(KEY, NewApiKey("Wallet", per_minute=per_minute, origins=origins), by="ann")


def refusal(reply: HttpReply) -> tuple[int, str]:
    return reply.status, reply.body["error_code"]


async def scraped(served: Serving) -> str:
    return str((await served.fetch("/metrics")).body)


@pytest.mark.parametrize("path", ALIASES)
async def test_key_lets_in_at_every_address_of_signups(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        number = await create(served.ledger, per_minute=2)
        replies = [await served.sign_up(f"name-{each}", path, headers=BEARER) for each in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert (await served.job("name-1")).api_key == number
        assert replies[2].body["error_code"] == "throttled"
        assert 1 <= int(replies[2].headers["Retry-After"]) <= 60
        assert KEY not in str([reply.body for reply in replies])


async def test_unknown_key_is_refused_with_the_way_to_authenticate(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("name-1", headers=BEARER)
        assert refusal(reply) == (401, "invalid_api_key")
        assert reply.headers["WWW-Authenticate"].split()[0] == "Bearer"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert await served.ledger.queries.jobs(name="name-1") == []


async def test_old_clients_are_refused_with_200(tmp_path: Path) -> None:
    async with serving(tmp_path, old_clients=True) as served:
        assert refusal(await served.sign_up("name-1", headers=BEARER)) == (200, "invalid_api_key")


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer", b"Bearer ", b"Bearer  xyzzy", b"Negotiate",
        KEY.encode(), f"Bearer {KEY}, Bearer {KEY}".encode(), f"Bearer {KEY} xyzzy".encode(),
        f"Bearer {KEY[:-1]}".encode(), f"Bearer {KEY}x".encode(),
        f"Bearer\t{KEY}".encode(), f'Bearer "{KEY}"'.encode(), b"Bearer " + b"k" * 30_000,
        b"Bearer faucet_" + b"\xff" * 32, b"Bearer faucet_" + "é".encode() * 16, b"Bearer %00",
        b"Bearer ' OR 1=1 --", b"Bearer " + KEY[:-1].encode() + b"\0", b"Bearer \x1b[31m", b"\x00",
        b"Bearer " + KEY.encode() + b"\r\nAuthorization: Bearer " + KEY.encode(),
    ],
)  # fmt: skip
async def test_what_is_no_key_is_refused_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, header: bytes
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(tmp_path) as served:
        await create(served.ledger)
        body = signup_of("name-1")
        head = b"POST /api/v1/accounts HTTP/1.1\r\nHost: faucet\r\nAuthorization: " + header
        status, _, reply = await served.send(head + b"\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        assert status in (400, 401, 431)
        assert await served.ledger.queries.jobs(name="name-1") == []
        secret = header.split()[-1] if len(header.split()) > 1 else b"faucet_"
        assert secret.decode("latin-1") not in caplog.text + reply.decode()
        assert "Traceback" not in caplog.text


@pytest.mark.parametrize("header", [f"Bearer {KEY}", f"bearer {KEY}", f"BEARER  {KEY} "])
async def test_scheme_is_read_as_rfc_9110_has_it(tmp_path: Path, header: str) -> None:
    async with serving(tmp_path) as served:
        await create(served.ledger)
        assert (await served.sign_up("name-1", headers={**CLIENT, "Authorization": header})).status == 200


@pytest.mark.parametrize("header", ["", "Basic dXNlcjpwYXNzd29yZA==", "Digest username=x", f"Basic {KEY}"])
async def test_what_is_for_a_proxy_is_no_key(tmp_path: Path, header: str) -> None:
    async with serving(tmp_path) as served:
        await create(served.ledger)
        reply = await served.sign_up("name-1", headers={**CLIENT, "Authorization": header})
        assert reply.status == 200
        assert [job.api_key for job in await served.ledger.queries.jobs(name="name-1")] == [None]


async def test_dry_run_checks_the_key_and_uses_nothing_of_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        dry = "/api/v1/accounts?dry_run=1"
        assert refusal(await served.sign_up("name-1", dry, headers=BEARER)) == (401, "invalid_api_key")
        await create(served.ledger, per_minute=1)
        for _ in range(2):
            reply = await served.sign_up("name-1", dry, headers=BEARER)
            assert (reply.status, KEY in str(reply.body)) == (200, False)
        assert (await served.sign_up("name-1", headers=BEARER)).status == 200
        assert refusal(await served.sign_up("name-2", dry, headers=BEARER)) == (429, "throttled")


@pytest.mark.parametrize(
    ("origin", "status"), [("https://wallet.example", 200), ("https://other.example", 403), ("null", 403), (None, 403)]
)
async def test_key_of_a_web_page_is_for_that_page(tmp_path: Path, origin: str | None, status: int) -> None:
    headers = BEARER if origin is None else {**BEARER, "Origin": origin}
    async with serving(tmp_path) as served:
        await create(served.ledger, origins=("https://wallet.example",))
        reply = await served.sign_up("name-1", headers=headers)
        assert (reply.status, reply.body.get("error_code")) == (status, None if status == 200 else "denied")


@pytest.mark.parametrize("requested", [None, "authorization,content-type"])
async def test_preflight_allows_the_key(tmp_path: Path, requested: str | None) -> None:
    headers = {"Origin": "https://wallet.example", "Access-Control-Request-Method": "POST"}
    if requested is not None:
        headers["Access-Control-Request-Headers"] = requested
    async with serving(tmp_path) as served:
        reply = await served.fetch("/api/v1/accounts", method="OPTIONS", headers=headers)
        assert "authorization" in reply.headers["Access-Control-Allow-Headers"].lower()


async def test_metrics_count_by_the_number_of_the_key(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        number = await create(served.ledger, per_minute=1)
        for name in ("name-1", "name-2"):
            await served.sign_up(name, headers=BEARER)
        await served.sign_up("name-3", headers=CLIENT)
        await served.ledger.api_keys.revoke(number, by="ann")
        await served.sign_up("name-4", headers=BEARER)
        text = await scraped(served)
        counts = {line for line in text.splitlines() if line.startswith("faucet_api_key_signups_total{")}
        assert counts == {
            f'faucet_api_key_signups_total{{key="{number}",outcome="{outcome}"}} 1.0'
            for outcome in ("accepted", "throttled", "invalid_api_key")
        }
        assert KEY not in text


def test_metrics_name_so_many_keys_alone() -> None:
    metrics = Metrics()
    counters = {id(metrics.api_key_signups(number, "accepted")) for number in range(10 * MAX_KEYS)}
    assert len(counters) == MAX_KEYS + 1


async def test_page_says_that_keys_are_taken_once_there_is_one(tmp_path: Path) -> None:
    async with serving(tmp_path, signup_page=True) as served:
        sentence = "Authorization: Bearer"
        assert sentence not in (await served.fetch("/")).body
        await create(served.ledger)
        await served.context.snapshot.refresh()
        for path in ("/", "/signup"):
            assert sentence in (await served.fetch(path)).body


async def test_signups_of_a_key_are_found_exported_and_shown(tmp_path: Path) -> None:
    async with operated(tmp_path) as (served, operator):
        number = await create(served.ledger)
        await served.sign_up("with-1", headers=BEARER)
        await served.accept("without-1")
        job = await served.job("with-1")
        found = (await operator.see(f"/admin/jobs?search=key:{number}")).body
        assert ("with-1" in found, "without-1" in found) == (True, False)
        exported = (await operator.send("/admin/export", search=f"key:{number}", state="")).body
        assert [line.rsplit(",", 1)[1] for line in exported.splitlines()] == ['"api_key"', f'"{number}"']
        page = (await operator.see(f"/admin/jobs/{job.id}")).body
        assert f'<a href="/admin/api-keys/{number}">Wallet</a>' in page
        assert f'<a href="/admin/api-keys/{number}">{number}</a>' in (await operator.see("/admin/audit")).body
