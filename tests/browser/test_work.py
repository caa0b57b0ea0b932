"""Proof of work in the browser: by the signup page, and by a wallet of another origin."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.ways.work import Algorithm, solve
from tests.browser.chromium import Browser
from tests.browser.looks import assert_sound
from tests.browser.newcomer import keys_on_chain, make_sheet, register, wait_registered
from tests.browser.relay import Relay
from tests.browser.site import Site, open_site
from tests.harness.listening import listening

SOLVE = """
    const [challenge] = arguments;
    const shares = [];
    return import('/static/work/work.js')
        .then((work) => work.solve(challenge, { onProgress: (share) => shares.push(share) }))
        .then((nonce) => [nonce, shares]);
"""
WALLET = b"<!doctype html><title>A wallet</title><link rel=icon href=data:,>"
PROVE = """
    const [faucet] = arguments;
    return import(`${faucet}/static/work/work.js`).then((work) => work.proveWork());
"""
ABORT = """
    const end = new AbortController();
    const [challenge] = arguments;
    return import('/static/work/work.js').then((work) => {
        const done = work.solve(challenge, { signal: end.signal, onProgress: () => end.abort() });
        return done.then(() => 'solved', (error) => error.name);
    });
"""


@pytest.fixture(scope="module")
def site(running: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:  # noqa: ARG001  # without a browser nobody looks at it
    work = {"proof_of_work": "sha256", "work_seconds": 0.02, "minIPAge": 0}
    with open_site(tmp_path_factory.mktemp("site"), signup_page=True, **work) as made:
        yield made


def challenge(token: str, algorithm: str, attempts: int) -> dict[str, object]:
    argon2 = {"memory": 4096, "passes": 1, "lanes": 1, "precheck": 8192}
    challenge = {"token": token, "algorithm": algorithm, "attempts": attempts}
    return {**challenge, "argon2": argon2 if algorithm == "argon2" else None}


@pytest.mark.parametrize(("algorithm", "attempts"), [("sha256", 1), ("sha256", 20_000), ("argon2", 1), ("argon2", 3)])
def test_worker_finds_what_the_faucet_would(newcomer: Browser, algorithm: str, attempts: int) -> None:
    for token in ("a token", "an ärgon"):
        nonce, shares = newcomer.script(SOLVE, challenge(token, algorithm, attempts))
        assert nonce == solve(token, Algorithm(algorithm), attempts)
        assert shares == sorted(shares)
        assert shares[-1] == 1


def test_work_can_be_ended(newcomer: Browser) -> None:
    assert newcomer.script(ABORT, challenge("endless", "sha256", 2**40)) == "AbortError"


def test_signup_page_does_the_work_while_the_sheet_is_kept(newcomer: Browser, site: Site, relay: Relay) -> None:
    sheet = make_sheet(newcomer, "worker-1")
    newcomer.wait(lambda: newcomer.script("return document.querySelector('[data-work=done]') !== null"))
    newcomer.script("for (const part of document.querySelectorAll('[data-work]')) part.dataset.work = 'doing'")
    assert "works a moment" in newcomer.text()
    assert_sound(newcomer)
    requests = bytes(relay.sent).count(b"GET /api/v1/challenge ")
    register(newcomer)
    wait_registered(newcomer, sheet.name)
    assert keys_on_chain(site, sheet.name) == sheet.public_keys
    assert requests == bytes(relay.sent).count(b"GET /api/v1/challenge ") == 1
    assert bytes(relay.sent).count(b'"work":"') == 1


def test_signup_page_does_refused_work_again(newcomer: Browser, relay: Relay) -> None:
    relay.replaced = b".sha256.", b".argon2."  # in the challenge, which is forged then
    try:
        sheet = make_sheet(newcomer, "again-1")
        register(newcomer)
        newcomer.wait_text("This challenge was not made here.", "#sentence")
        assert bytes(relay.sent).count(b"POST /api/v1/accounts ") == 3
    finally:
        relay.replaced = b"\0", b"\0"
    newcomer.script("document.getElementById('resend').click()")
    wait_registered(newcomer, sheet.name)
    logged = newcomer.problems(relay.url)
    assert [message for message in logged if "status of 422" not in message] == []
    assert len(logged) == 3


def test_wallet_of_another_origin_uses_the_faucets_script(running: Browser, site: Site) -> None:
    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
        writer.write(head % len(WALLET) + WALLET)
        await writer.drain()
        writer.close()

    running.start_anew()
    with site.beside.opened(listening(serve)) as port:
        running.open(f"http://127.0.0.1:{port}/")
        work = running.script(PROVE, site.url)
        running.open("about:blank")
    reply = site.do(site.service.sign_up("wallet-1", fields={"work": work}))
    assert (reply.status, reply.body["account"]["name"]) == (200, "wallet-1")
    assert [problem for problem in running.problems(site.url) if not problem.startswith(("http://", "blob:"))] == []


def test_page_asks_for_no_work_where_none_is_needed(running: Browser, tmp_path: Path) -> None:
    with open_site(tmp_path, signup_page=True) as site:
        running.start_anew()
        running.open(f"{site.url}/signup")
        running.wait(lambda: running.texts("#steps:not([hidden])"))
        assert running.texts("[data-work]") == []
        assert running.script("return import('/static/work/work.js').then((work) => work.proveWork())") is None
        assert running.problems(site.url) == []
