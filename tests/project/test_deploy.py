"""The files of deploy/ work with this program, as far as the programs that read them are installed."""

import json
import re
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

import yaml

from commands.supervisor import STOP_TIMEOUT
from jobs.monitoring.alerts import ALERTS
from jobs.settings import load
from tests.harness.containers import COMPOSE, DOCKERFILE
from tests.harness.monitoring import expressions
from tests.harness.nginx import DEPLOY, checked, needs
from tests.harness.program import ROOT, faucet

OPTIONS = {"nobroadcast": True}


def metrics_of(expressions: str) -> set[str]:
    return set(re.findall(r"faucet_[a-z_]+", expressions))


async def test_every_metric_in_dashboard_and_rules_exists(tmp_path: Path) -> None:
    async with faucet(tmp_path, "ws://127.0.0.1:1", **OPTIONS) as service:
        text = (await service.fetch("/metrics")).body.decode()
        exported = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
        used = {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics_of(expressions())}
        assert used - exported - {name.removesuffix("_total") for name in exported} == set()


def test_rules_and_their_tests() -> None:
    needs("promtool")
    folder = DEPLOY / "prometheus"
    for config in (folder / "prometheus.yml", DEPLOY / "machines/prometheus.yml"):
        checked("promtool", "check", "config", config)
    assert "SUCCESS" in checked("promtool", "test", "rules", "alerts.test.yml", cwd=folder)


def test_panels_are_apart_and_their_queries_are_read() -> None:
    """No two of the dashboard's panels lie upon each other; each query is PromQL."""
    needs("promtool")
    panels = json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    rules = [{"record": "query", "expr": target["expr"]} for panel in panels for target in panel["targets"]]
    with NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}, file)
        file.flush()
        checked("promtool", "check", "rules", "--lint=none", file.name)


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


def test_images_of_others_are_named_by_digest() -> None:
    """A tag can be moved to another image; what its name is followed by can't."""
    build, *stages = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)
    assert {build, *stages} == {"${BASE}"}
    base = re.findall(r"^ARG BASE=(.*)", DOCKERFILE.read_text(), re.MULTILINE)
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    images = base + [service["image"] for service in services if "build" not in service]
    assert len(images) == len(services)
    for image in images:
        assert re.fullmatch(r"docker\.io/[a-z/]+:v?\d+\.\d+\.\d+[a-z-]*@sha256:[0-9a-f]{64}", image), image


def test_compose_file_is_valid(tmp_path: Path) -> None:
    needs("docker-compose")
    checked("docker-compose", "--file", COMPOSE, "config", "--quiet")
    mistaken = tmp_path / "compose.yaml"
    mistaken.write_text(COMPOSE.read_text().replace("read_only:", "readonly:"))
    command = ["docker-compose", "--file", str(mistaken), "config", "--quiet"]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0


def test_container_may_stop_as_long_as_the_unit() -> None:
    """As long as a supervisor needs to stop its processes in order, each with a time limit."""
    (unit,) = re.findall(r"^TimeoutStopSec=(\d+)$", (DEPLOY / "systemd/faucet.service").read_text(), re.MULTILINE)
    compose = yaml.safe_load(COMPOSE.read_text())["services"]["faucet"]["stop_grace_period"]
    assert compose == f"{unit}s"
    assert int(unit) >= 2 * STOP_TIMEOUT


def test_container_files_exist() -> None:
    """Whether or not the image can be built here, no file is missing."""
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
