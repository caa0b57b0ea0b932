"""Parsing the targets of requests."""

import pytest

from handlers.http.paths import is_signup, plain_target, split_absolute


@pytest.mark.parametrize(
    ("target", "plain"),
    [
        ("/api/v1/accounts", "/api/v1/accounts"),
        ("//api/v1/accounts", "/api/v1/accounts"),
        ("/api//v1///accounts//", "/api/v1/accounts"),
        ("/faucet/", "/faucet"),
        ("/faucet/?wait=5", "/faucet?wait=5"),
        ("/faucet?x=a//b/", "/faucet?x=a//b/"),
        ("//faucet//api/v1/accounts/", "/faucet/api/v1/accounts"),
        ("/bob/api/v1/accounts/", "/bob/api/v1/accounts"),
        ("/api/v1/jobs/1/events/", "/api/v1/jobs/1/events"),
        ("/api/", "/api"),
        ("/", "/"),
        ("//", "//"),
        ("//metrics", "//metrics"),
        ("/metrics/", "/metrics/"),
        ("/admin//jobs", "/admin//jobs"),
        ("/apis//v1", "/apis//v1"),
        ("*", "*"),
    ],
)
def test_extra_slashes_are_accepted_on_api_paths_only(target: str, plain: str) -> None:
    """A proxy may guard the other addresses by their name."""
    assert plain_target(target) == plain


@pytest.mark.parametrize(
    ("target", "host", "rest"),
    [
        ("http://faucet.example/api/v1/accounts", "faucet.example", "/api/v1/accounts"),
        ("HTTPS://faucet.example:8443/faucet?wait=5", "faucet.example:8443", "/faucet?wait=5"),
        ("http://faucet.example", "faucet.example", "/"),
        ("http://faucet.example?x=1", "faucet.example", "/?x=1"),
        ("http://user:word@faucet.example/", "faucet.example", "/"),
        ("/http://faucet.example/", None, "/http://faucet.example/"),
        ("/api/v1/accounts", None, "/api/v1/accounts"),
    ],
)
def test_absolute_form(target: str, host: str | None, rest: str) -> None:
    assert split_absolute(target) == (host, rest)


@pytest.mark.parametrize(
    ("path", "signup"),
    [
        ("/api/v1/accounts", True),
        ("/faucet", True),
        ("/faucet/api/v1/accounts", True),
        ("/bob/api/v1/accounts", True),
        ("/api/v1/accounts/bob", False),
        ("/faucet/x", False),
        ("/", False),
    ],
)
def test_addresses_of_signups(path: str, signup: bool) -> None:
    assert is_signup(path) is signup
