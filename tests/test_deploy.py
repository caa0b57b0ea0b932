"""What deploy/ holds works with this program: tried where the programs are there that it is made for."""

import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from jobs.alerts import ALERTS
from jobs.config import Settings, load
from tests.program import REGISTRAR_WIF, ROOT, Faucet, faucet, keys_of
from tests.support import run
from tests.test_mail import free_port

DEPLOY = ROOT / "deploy"
OPTIONS = {"nobroadcast": True}


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def checked(*command: str | Path, cwd: Path = ROOT) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def metrics_of(expressions: str) -> set[str]:
    return set(re.findall(r"faucet_[a-z_]+", expressions))


def expressions() -> str:
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    shown = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return "\n".join([*shown, *(rule["expr"] for group in rules["groups"] for rule in group["rules"])])


def test_every_metric_of_dashboard_and_rules_is_exported(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with faucet(tmp_path, "ws://127.0.0.1:1", **OPTIONS) as service:
            text = (await service.fetch("/metrics")).body.decode()
            exported = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
            used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics_of(expressions())}
            assert used - exported - {name.removesuffix("_total") for name in exported} == set()

    run(scenario())


def test_rules_and_their_tests() -> None:
    needs("promtool")
    folder = DEPLOY / "prometheus"
    checked("promtool", "check", "config", "prometheus.yml", cwd=folder)
    assert "SUCCESS" in checked("promtool", "test", "rules", "alerts.test.yml", cwd=folder)


def test_every_rule_has_a_test() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    tests = yaml.safe_load((DEPLOY / "prometheus/alerts.test.yml").read_text())
    tried = {test["alertname"] for group in tests["tests"] for test in group["alert_rule_test"]}
    assert {rule["alert"] for group in rules["groups"] for rule in group["rules"]} == tried


def test_rules_and_mails_point_to_symptoms_of_the_runbook() -> None:
    runbook = (ROOT / "docs/operations.md").read_text()
    named = set(re.findall(r"docs/operations\.md#([a-z]+)", (DEPLOY / "prometheus/alerts.yml").read_text()))
    for symptom in named | set(ALERTS):
        assert f'<a id="{symptom}"></a>' in runbook


def test_systemd_units_are_sound_and_sandboxed() -> None:
    needs("systemd-analyze")
    units = [path for path in (DEPLOY / "systemd").iterdir() if path.suffix in (".service", ".timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if str(DEPLOY) in line or "faucet" in line]
    assert [line for line in complaints if "/opt/faucet" not in line] == []
    verdict = checked("systemd-analyze", "security", "--offline=true", DEPLOY / "systemd/faucet.service")
    exposure = re.search(r"Overall exposure level for faucet.service: ([0-9.]+)", verdict)
    assert exposure is not None
    assert float(exposure[1]) < 2


def test_containers_have_what_they_name() -> None:
    """Where there is no Docker, at least nothing is missing."""
    folder = DEPLOY / "docker"
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", (folder / "Dockerfile").read_text(), re.MULTILINE)
    for source in " ".join(copied).split():
        assert (ROOT / source).exists()
        assert f"!{source}" in (folder / "Dockerfile.dockerignore").read_text().splitlines()
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    mounts = [mount for service in services.values() for mount in service.get("volumes", ())]
    for source in (mount.split(":")[0] for mount in mounts if mount.startswith(".")):
        assert (folder / source).exists()
    assert load(folder / "config.yaml", {}).uses_devchain


def certificate(folder: Path) -> tuple[Path, Path]:
    made, key = folder / "fullchain.pem", folder / "privkey.pem"
    checked("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", made, "-days", "2",
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")  # fmt: skip
    return made, key


def site(folder: Path, upstream: str, port: int) -> str:
    """The site as it is deployed, but for names, ports and places."""
    text = (DEPLOY / "nginx/faucet.conf").read_text()
    made, key = certificate(folder)
    for old, new in (
        ("server 127.0.0.1:5000;", f"server {upstream.removeprefix('http://')};"),
        ("listen 443 ssl http2;", f"listen 127.0.0.1:{port} ssl http2;"),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("/etc/letsencrypt/live/faucet.example.org/fullchain.pem", str(made)),
        ("/etc/letsencrypt/live/faucet.example.org/privkey.pem", str(key)),
        ("faucet.example.org", "localhost"),
        ("/var/log/nginx", str(folder)),
    ):
        assert old in text
        text = text.replace(old, new)
    return re.sub(r"^ *listen \[::\].*\n", "", text, flags=re.MULTILINE)


@asynccontextmanager
async def nginx(folder: Path, upstream: str) -> AsyncIterator[int]:
    """An nginx with the site in front of `upstream`, until the block ends; its port."""
    port = free_port()
    (folder / "site.conf").write_text(site(folder, upstream, port))
    paths = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Its workers would give up root's rights, and could not write into the test's folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {paths} include {folder}/site.conf; }}\n"
    )
    process = await asyncio.create_subprocess_exec("nginx", "-p", folder, "-c", folder / "nginx.conf")
    try:
        while not await _answers(port):
            pass
        yield port
    finally:
        process.terminate()
        await process.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionError:
        return False
    writer.close()
    return True


async def ask(folder: Path, port: int, path: str, **options: Any) -> HTTPResponse:
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    url = f"https://localhost:{port}{path}"
    return await AsyncHTTPClient().fetch(url, raise_error=False, ssl_options=context, **options)


def signup_of(name: str) -> str:
    return json.dumps({"account": {"name": name, **keys_of(name)}})


@asynccontextmanager
async def served(folder: Path, **settings: Any) -> AsyncIterator[tuple[Faucet, int]]:
    needs("nginx")
    needs("openssl")
    service = Faucet(folder, {"reply_wait_max": 1, **OPTIONS, **settings})
    await service.start()
    try:
        async with nginx(folder, service.url) as port:
            yield service, port
    finally:
        await service.stop()


def test_signup_through_nginx(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (_, port):
            forged = {"X-Forwarded-For": "198.51.100.7"}
            first = await ask(
                tmp_path, port, "/api/v1/accounts?wait=1", method="POST", body=signup_of("alice-1"), headers=forged
            )
            assert first.code == 200
            assert first.headers["Access-Control-Allow-Origin"] == "*"
            job = json.loads(first.body)["job"]
            events = await ask(tmp_path, port, "/status")
            assert b"alice-1" in events.body
            assert (await ask(tmp_path, port, job["url"])).code == 200
            assert (await ask(tmp_path, port, "/admin")).code == 404

    run(scenario())


SPELLINGS = [
    "/api/v1/accounts", "/api/v1/accounts/", "//api/v1/accounts", "/faucet", "/faucet/", "/faucet/api/v1/accounts/",
    "/bob/api/v1/accounts", "//bob//api/v1/accounts/",
]  # fmt: skip


@pytest.mark.parametrize("path", SPELLINGS)
def test_every_spelling_through_nginx(tmp_path: Path, path: str) -> None:
    """To the same signup, and to the same words while the faucet is down."""

    async def scenario() -> None:
        async with served(tmp_path) as (service, port):
            assert (await ask(tmp_path, port, path, method="POST", body=signup_of("alice-1"))).code == 200
            await service.stop()
            assert_says_that_it_is_down(await ask(tmp_path, port, path, method="POST", body=signup_of("alice-1")))
            asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-wallet"}
            before = await ask(tmp_path, port, path, method="OPTIONS", headers=asked)
            assert (before.code, before.headers["Access-Control-Allow-Origin"]) == (204, "*")
            assert before.headers["Access-Control-Allow-Headers"] == "x-wallet"

    run(scenario())


def assert_says_that_it_is_down(reply: HTTPResponse) -> None:
    assert (reply.code, json.loads(reply.body)["error_code"]) == (503, "overloaded")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.headers["X-Request-ID"]


def test_events_come_through_nginx_as_they_happen(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (service, port):
            reply = await ask(tmp_path, port, "/faucet", method="POST", body=signup_of("alice-1"))
            came: list[bytes] = []
            first = asyncio.Event()

            def receive(chunk: bytes) -> None:
                came.append(chunk)
                first.set()

            url = json.loads(reply.body)["job"]["url"]
            stream = asyncio.create_task(ask(tmp_path, port, f"{url}/events/", streaming_callback=receive))
            await first.wait()
            assert b'"queued"' in b"".join(came)
            assert not stream.done()
            await service.stop()
            await stream

    run(scenario())


def test_who_reads_gets_a_page_and_who_posts_gets_json_while_the_faucet_is_down(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (service, port):
            await service.stop()
            page = await ask(tmp_path, port, "/status")
            assert (page.code, page.headers["Content-Type"]) == (503, "text/html; charset=UTF-8")
            assert_says_that_it_is_down(await ask(tmp_path, port, "/nothing", method="POST", body="{}"))
            assert_says_that_it_is_down(await ask(tmp_path, port, "/api/v1/chain"))

    run(scenario())


async def send(folder: Path, port: int, request: bytes) -> bytes:
    """All that comes back for the bytes of `request`, in TLS."""
    context = ssl.create_default_context(cafile=str(folder / "fullchain.pem"))
    reader, writer = await asyncio.open_connection("localhost", port, ssl=context)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return answer


def test_old_and_odd_requests_through_nginx(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (_, port):
            body = signup_of("alice-1")
            head = f"Host: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
            absolute = f"POST http://localhost/faucet/ HTTP/1.1\r\n{head}{body}"
            assert (await send(tmp_path, port, absolute.encode())).startswith(b"HTTP/1.1 200")
            old = f"POST /faucet HTTP/1.0\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            assert (await send(tmp_path, port, old.encode())).startswith(b"HTTP/1.1 200")
            two = f"POST /faucet HTTP/1.1\r\nHost: a\r\nHost: b\r\n{head}{body}"
            refused = await send(tmp_path, port, two.encode())
            assert (refused[:12], b'"bad_request"' in refused) == (b"HTTP/1.1 400", True)

    run(scenario())


def test_nginx_logs_no_private_key(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (service, port):
            for path in (f"/faucet?key={REGISTRAR_WIF}", f"/{REGISTRAR_WIF}/api/v1/accounts"):
                reply = await ask(tmp_path, port, path, method="POST", body=signup_of("alice-1"))
                assert json.loads(reply.body)["error_code"] == "private_key_sent"
            await service.stop()
        logs = [file for file in tmp_path.iterdir() if file.suffix == ".log" or file.name == "log"]
        assert len((tmp_path / "faucet.log").read_text().splitlines()) == 2
        assert not [file for file in logs if REGISTRAR_WIF in file.read_text()]

    run(scenario())


def test_metrics_are_guarded_in_every_spelling() -> None:
    """What nginx sorts to its guarded block is what the faucet answers, and nothing else."""
    guarded = re.search(r"location ~ (\S*metrics\S*) \{", (DEPLOY / "nginx/faucet.conf").read_text())
    assert guarded is not None
    for path in ("/metrics", "/metrics/", "/readyz"):
        assert re.search(guarded[1], path)


def test_body_that_is_too_large_for_nginx(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with served(tmp_path) as (_, port):
            for size in (20_000, 200_000):
                reply = await ask(tmp_path, port, "/faucet", method="POST", body="x" * size)
                assert (reply.code, json.loads(reply.body)["error_code"]) == (413, "too_large")
                assert reply.headers["Access-Control-Allow-Origin"] == "*"

    run(scenario())


def test_replies_are_held_longer_by_nginx_than_by_the_faucet() -> None:
    text = (DEPLOY / "nginx/faucet.conf").read_text()
    waits = [int(seconds) for seconds in re.findall(r"proxy_read_timeout (\d+)s", text)]
    assert min(waits) > Settings().reply_wait_max
