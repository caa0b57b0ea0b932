"""Which requests are plain signups; all others are Tornado's to read."""

import pytest

from handlers.http.head import PlainHeaders, PlainSignup, plain_signup
from jobs.signup import MAX_BODY

BODY = b'{"account":{}}'
LENGTH = f"Content-Length: {len(BODY)}"


def request(*headers: str, line: str = "POST /faucet HTTP/1.1", body: bytes = BODY) -> bytes:
    return "\r\n".join((line, *headers, "\r\n")).encode("latin1") + body


def test_plain_signup_is_read() -> None:
    data = request("Host: x", LENGTH, "X-Request-ID:\t mine ", "prefer:", "CONNECTION: Keep-Alive")
    values = {"host": "x", "content-length": str(len(BODY)), "x-request-id": "mine", "prefer": ""}
    headers = PlainHeaders({**values, "connection": "Keep-Alive"})
    assert plain_signup(data) == PlainSignup("/faucet", headers, False, BODY)


def test_headers_are_found_by_names_in_any_case() -> None:
    found = plain_signup(request("host: x", LENGTH, "X-REQUEST-id: mine"))
    assert found is not None
    headers = found.headers
    assert (headers["X-Request-ID"], headers.get("x-request-ID"), "X-Request-Id" in headers) == ("mine", "mine", True)
    del headers["X-Request-ID"]
    assert (headers.get("X-Request-ID"), headers.get("X-Request-ID", ""), "Prefer" in headers) == (None, "", False)


@pytest.mark.parametrize("target", ["/api/v1/accounts", "/bob-1.x/api/v1/accounts", "/faucet/api/v1/accounts"])
def test_targets_of_signups_are_plain(target: str) -> None:
    found = plain_signup(request("Host: x", LENGTH, "Connection: close", line=f"POST {target} HTTP/1.1"))
    assert found is not None
    assert (found.target, found.is_last) == (target, True)


@pytest.mark.parametrize(
    "line",
    [
        "GET /faucet HTTP/1.1",
        "POST /faucet HTTP/1.0",
        "POST  /faucet HTTP/1.1",
        "POST /faucet?wait=1 HTTP/1.1",
        "POST //faucet HTTP/1.1",
        "POST /faucet/ HTTP/1.1",
        "POST /b%6fb/api/v1/accounts HTTP/1.1",
        "POST http://x/faucet HTTP/1.1",
        "POST /admin HTTP/1.1",
        "\r\nPOST /faucet HTTP/1.1",
    ],
)
def test_other_request_lines_are_not_plain(line: str) -> None:
    assert plain_signup(request("Host: x", LENGTH, line=line)) is None


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: x",),
        (LENGTH,),
        ("Host: x", "Host: x", LENGTH),
        ("Host: x,y", LENGTH),
        ("Host: x", LENGTH, LENGTH),
        ("Host: x", "Content-Length: 1"),
        ("Host: x", "Content-Length: 99"),
        ("Host: x", f"Content-Length: +{len(BODY)}"),
        ("Host: x", LENGTH, "Transfer-Encoding: chunked"),
        ("Host: x", LENGTH, "transfer-encoding: identity"),
        ("Host: x", LENGTH, "Expect: 100-continue"),
        ("Host: x", LENGTH, "Connection: Upgrade"),
        ("Host: x", LENGTH, "X-Forwarded-For: 192.0.2.1", "x-forwarded-for: 192.0.2.2"),
        ("Host: x", LENGTH, "Prefer : wait=1"),
        ("Host: x", LENGTH, " folded"),
        ("Host: x", LENGTH, "no colon"),
        ("Host: x", LENGTH, "Prefer: a\nTransfer-Encoding: chunked"),
        ("Host: x", LENGTH, "Prefer: a\rb"),
        ("Host: x", LENGTH, "Prefer: a\0b"),
        ("Host: x", LENGTH, "Prefer: \xe9"),
        ("Host: x", LENGTH, ": nameless"),
    ],
)
def test_other_headers_are_not_plain(headers: tuple[str, ...]) -> None:
    assert plain_signup(request(*headers)) is None


def test_large_and_incomplete_requests_are_not_plain() -> None:
    body = b" " * (MAX_BODY + 1)
    assert plain_signup(request("Host: x", f"Content-Length: {len(body)}", body=body)) is None
    assert plain_signup(request("Host: x", LENGTH)[:40]) is None
    assert plain_signup(request("Host: x", LENGTH) * 2) is None
