"""Errors over HTTP: bodies, methods, addresses, faults; and the headers of every reply."""

import logging
import re
from pathlib import Path

import pytest

from tests.harness.loglines import log_lines
from tests.harness.program import keys_of
from tests.harness.serving import CLIENT, read_reply, serving

KIB = 1024
POST = b"POST /faucet HTTP/1.1\r\nHost: x\r\n"
#: One address of every route, and the methods that it takes.
API_ROUTES = {
    "/api/v1/accounts": {"POST"},
    "/faucet": {"POST"},
    "/faucet/api/v1/accounts": {"POST"},
    "/bob/api/v1/accounts": {"POST"},
    "/api/v1/accounts/alice-1": {"GET", "HEAD"},
    "/api/v1/jobs/none": {"GET", "HEAD"},
    "/api/v1/jobs/none/events": {"GET"},
    "/api/v1/chain": {"GET", "HEAD"},
    "/api/v1/openapi.json": {"GET", "HEAD"},
    "/healthz": {"GET", "HEAD"},
    "/healthz/intake": {"GET", "HEAD"},
    "/readyz": {"GET", "HEAD"},
    "/metrics": {"GET", "HEAD"},
}
PAGES = ("/", "/status", "/jobs/none")
MACHINES = ("/healthz/intake", "/readyz", "/metrics")
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}


@pytest.mark.parametrize("length", [16 * KIB + 1, 500 * KIB, 8 * KIB * KIB])
async def test_oversized_body_is_read_and_answered(tmp_path: Path, length: int) -> None:
    """A client that sends everything before it reads gets the reply, and may go on using the connection."""

    async with serving(tmp_path) as served:
        reader, writer = await served.connect()
        writer.write(POST + f"Content-Length: {length}\r\n\r\n".encode() + b"x" * length)
        status, headers, body = await read_reply(reader)
        assert (status, b'"too_large"' in body) == (413, True)
        assert headers["Access-Control-Allow-Origin"] == "*"
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await read_reply(reader))[0] == 200
        writer.close()


@pytest.mark.parametrize("chunk", [KIB, 4 * KIB * KIB])
async def test_oversized_chunked_body_is_answered(tmp_path: Path, chunk: int) -> None:
    async with serving(tmp_path) as served:
        chunks = (f"{chunk:x}\r\n".encode() + b"x" * chunk + b"\r\n") * 20 + b"0\r\n\r\n"
        status, _, body = await served.send(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunks)
        assert (status, b'"too_large"' in body) == (413, True)


async def test_oversized_body_is_refused_before_100_continue(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        request = POST + b"Content-Length: 20000\r\nExpect: 100-continue\r\n\r\n"
        status, _, body = await served.send(request)
        assert (status, b'"too_large"' in body) == (413, True)


async def test_body_of_maximum_size_is_parsed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch("/faucet", method="POST", body=b"{}" + b" " * (16 * KIB - 2))
        assert (reply.status, reply.body["error_field"]) == (400, "account")


@pytest.mark.parametrize("length", ["abc", "-5", "5, 6", "0x10", ""])
async def test_content_length_that_is_not_a_number_is_refused(tmp_path: Path, length: str) -> None:
    async with serving(tmp_path) as served:
        status, _, body = await served.send(POST + f"Content-Length: {length}\r\n\r\n".encode())
        assert (status, b'"bad_request"' in body) == (400, True)


@pytest.mark.parametrize("path", ["/api/v1/accounts/%ff", "/api/v1/jobs/%ff", "/api/v1/jobs/x?wait=%ff"])
async def test_address_that_is_not_utf8_is_refused(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path)
        assert (reply.status, reply.body["error_code"]) == (400, "bad_request")


@pytest.mark.parametrize(("path", "methods"), API_ROUTES.items())
async def test_other_methods_are_refused_with_allow(tmp_path: Path, path: str, methods: set[str]) -> None:
    async with serving(tmp_path) as served:
        for method in sorted(METHODS - methods - {"HEAD"}):
            reply = await served.fetch(path, method=method, allow_nonstandard_methods=True)
            assert (method, reply.status) == (method, 405)
            assert reply.body["error_code"] == "method_not_allowed"
            assert set(reply.headers["Allow"].split(", ")) == methods | {"OPTIONS"}


@pytest.mark.parametrize(("path", "methods"), [(path, API_ROUTES[path]) for path in API_ROUTES if path not in MACHINES])
async def test_options_lists_the_methods(tmp_path: Path, path: str, methods: set[str]) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path, method="OPTIONS")
        assert (reply.status, reply.body) == (204, "")
        assert set(reply.headers["Access-Control-Allow-Methods"].split(", ")) == methods | {"OPTIONS"}
        assert reply.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type, Prefer, X-Request-ID"
        assert int(reply.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize(
    ("requested", "allowed"),
    [
        ("authorization, x-wallet-version", "authorization, x-wallet-version"),
        ("content-type", "content-type"),
        ("", "Authorization, Content-Type, Prefer, X-Request-ID"),
        ("a b, c", "Authorization, Content-Type, Prefer, X-Request-ID"),
        ("x\u00e9", "Authorization, Content-Type, Prefer, X-Request-ID"),
    ],
)
async def test_preflight_allows_requested_headers(tmp_path: Path, requested: str, allowed: str) -> None:
    async with serving(tmp_path) as served:
        headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": requested}
        reply = await served.fetch("/faucet", method="OPTIONS", headers=headers)
        assert reply.headers["Access-Control-Allow-Headers"] == allowed


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/faucet/nothing"])
async def test_preflight_of_unknown_address_is_allowed(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path, method="OPTIONS", headers={"Access-Control-Request-Method": "POST"})
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (204, "*")
        assert "POST" in reply.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [*MACHINES, *PAGES, "/static/style.css", "/admin"])
async def test_pages_and_machine_endpoints_send_no_cors_headers(tmp_path: Path, path: str, method: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path, method=method, headers={"Access-Control-Request-Method": "GET"})
        assert not [name for name in reply.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("path", [path for path, methods in API_ROUTES.items() if "HEAD" in methods])
async def test_head_has_headers_of_get_without_body(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        got, head = await served.fetch(path), await served.fetch(path, method="HEAD")
        assert (head.status, head.body) == (got.status, "")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]


UNKNOWN = [
    *(("/api/v1/nothing", method) for method in sorted(METHODS | {"OPTIONS"})),
    *((path, method) for path in ("/nothing", "/faucet/no") for method in sorted(METHODS - {"GET", "HEAD"})),
]


@pytest.mark.parametrize(("path", "method"), UNKNOWN)
async def test_unknown_address_is_json_404(tmp_path: Path, path: str, method: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path, method=method, allow_nonstandard_methods=True)
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (404, "*")
        assert method == "HEAD" or reply.body["error_code"] == "not_found"


@pytest.mark.parametrize("path", ["/nothing", "/jobs/none", "/static/nothing.css", "/static/%2e%2e/faucet.py"])
async def test_unknown_page_is_html_404(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path)
        assert reply.status == 404
        assert reply.headers["Content-Type"].startswith("text/html")
        assert reply.headers["X-Request-ID"] in reply.body


@pytest.mark.parametrize("path", PAGES)
async def test_post_to_page_is_json_405(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        reply = await served.fetch(path, method="POST", body="x")
        assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")
        assert reply.body["error_code"] == "method_not_allowed"
        assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("path", [*API_ROUTES, *PAGES, "/nothing", "/api/nothing", "/static/style.css"])
async def test_every_reply_has_a_request_id(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        given = await served.fetch(path, headers={"X-Request-ID": "my_id-1.2"})
        made = await served.fetch(path, headers={"X-Request-ID": "x" * 65})
        assert given.headers["X-Request-ID"] == "my_id-1.2"
        assert re.fullmatch(r"[0-9a-f]{12}", made.headers["X-Request-ID"])


async def test_named_origins_vary_by_origin(tmp_path: Path) -> None:
    """A cache must not give one origin's reply to another."""

    async with serving(tmp_path, cors_origins=("https://wallet.example",)) as served:
        for origin, allowed in (("https://wallet.example",) * 2, ("https://other.example", None)):
            reply = await served.fetch("/api/nothing", headers={"Origin": origin})
            assert reply.headers.get("Access-Control-Allow-Origin") == allowed
            assert reply.headers["Vary"] == "Origin"


async def test_headers_for_clients_are_exposed(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        reply = await served.sign_up("alice-1")
        exposed = set(reply.headers["Access-Control-Expose-Headers"].split(", "))
        assert {"Location", "Retry-After", "X-Request-ID"} <= exposed


async def test_fault_of_a_handler_is_logged_with_its_incident(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> str:
        async with serving(tmp_path) as served:
            await served.ledger.close()  # every call now raises an unexpected error
            reply = await served.fetch("/api/v1/jobs/none")
            assert (reply.status, reply.body["error_code"]) == (500, "internal")
            assert "Traceback" not in str(reply.body)
            page = await served.fetch("/jobs/none")
            assert (page.status, "Incident" in page.body) == (500, True)
            return str(reply.body["error"]["base"][0]).rstrip(".").split()[-1]

    incident = await scenario()
    assert ["Traceback" in line for line in log_lines(caplog.records) if f"incident={incident} " in line] == [True]


async def test_access_log_has_no_names_keys_or_addresses(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with serving(tmp_path) as served:
            await served.sign_up("alice-1", "/bob/api/v1/accounts?x=1", headers={**CLIENT, "X-Request-ID": "abc"})

    with caplog.at_level(logging.INFO, logger="faucet.http"):
        await scenario()
    (line,) = log_lines(caplog.records, "faucet.http")
    fields = r"request=abc method=POST route=signup status=200 ms=\d+\.\d"
    assert re.fullmatch(rf'time=\S+ level=info logger=faucet.http event="request answered" {fields}', line)
    text = "".join(log_lines(caplog.records))
    assert not [secret for secret in keys_of("alice-1").values() if secret in text]


async def test_metric_labels_are_bounded(tmp_path: Path) -> None:
    """Nobody fills the memory by asking for ever other addresses."""

    async with serving(tmp_path) as served:
        await served.send(b"BREW /api/v1/jobs/pot-1 HTTP/1.1\r\nHost: x\r\n\r\n")
        await served.fetch("/api/v1/jobs/pot-2")
        await served.fetch("/pot-3")
        text = (await served.fetch("/metrics")).body
        assert not [word for word in ("pot-", "BREW") if word in text]
        assert 'http_request_seconds_count{method="other",route="job",status="405"} 1.0' in text
        assert 'http_request_seconds_count{method="GET",route="other",status="404"} 1.0' in text
