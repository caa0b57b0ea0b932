"""The files of deploy/machines are what the programs that read them take, and agree with each other."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from jobs.settings import load
from tests.harness.balancer import CONFIG, haproxy_config
from tests.harness.nginx import DEPLOY, checked, needs
from tests.harness.patroni import MACHINES, Cluster, needs_patroni
from tests.harness.program import REGISTRAR_WIF, ROOT

SERVICES: dict[str, Any] = yaml.safe_load((MACHINES / "compose.yaml").read_text())["services"]
FAUCETS = ["faucet-1", "faucet-2", "faucet-3"]
SYSTEM_UNITS = Path("/lib/systemd/system")


@pytest.fixture
def deployed(tmp_path: Path) -> Path:
    """The folder in a copy of deploy/, with its secrets made."""
    needs("openssl")
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    folder = tmp_path / "deploy/machines"
    checked(folder / "make-secrets")
    return folder


def test_secrets_are_made_once_and_for_their_owner_alone(deployed: Path) -> None:
    files = list((deployed / "secrets").iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    before = {file: file.read_text() for file in files}
    assert subprocess.run([deployed / "make-secrets"], capture_output=True, check=False).returncode != 0
    assert {file: file.read_text() for file in files} == before
    assert "/deploy/machines/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_compose_file_is_valid_and_mounts_what_exists(deployed: Path) -> None:
    needs("docker-compose")
    checked("docker-compose", "--file", deployed / "compose.yaml", "config", "--quiet")
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]
    for source in (mount.split(":")[0] for mount in mounts if mount.startswith(".")):
        assert (deployed / source).exists(), source


def test_faucets_differ_in_their_names_alone() -> None:
    faucets = {name: service for name, service in SERVICES.items() if name.startswith("faucet-")}
    assert list(faucets) == FAUCETS
    for name, service in faucets.items():
        assert service == SERVICES["faucet-1"] | {"hostname": name}


def test_faucets_configuration_fits_the_other_machines(deployed: Path) -> None:
    """The hosts of the ledger are the databases, the only proxy is the balancer, the name is the host's."""
    secrets = deployed / "secrets"
    (secrets / "registrar.wif").write_text(REGISTRAR_WIF)
    for name in ("ledger.pgpass", "registrar.wif"):
        shutil.copy(secrets / name, deployed)
    environment = dict(line.split("=", 1) for line in (secrets / "faucet.env").read_text().split())
    settings = load(deployed / "config.yaml", environment)
    url = urlsplit(str(settings.ledger))
    assert url.netloc == "faucet@db1,db2"
    assert "target_session_attrs=read-write" in url.query
    assert (url.password, settings.machine) == (None, None)
    assert [str(network) for network in settings.trusted_proxies] == [f"{address_of('nginx')}/32"]
    assert settings.secret_key == environment["FAUCET_SECRET_KEY"]


def address_of(service: str) -> str:
    return str(SERVICES[service]["networks"]["default"]["ipv4_address"])


def test_password_of_the_ledger_is_one_on_all_machines(deployed: Path) -> None:
    password = (deployed / "secrets/ledger.pgpass").read_text().strip().split(":")[-1]
    assert f"FAUCET_LEDGER_PASSWORD={password}\n" in (deployed / "secrets/database.env").read_text()


def test_balancer_asks_each_faucet_whether_it_takes_signups(tmp_path: Path) -> None:
    needs("haproxy")
    config = CONFIG.read_text()
    assert re.findall(r"^    server (\S+) (\S+)$", config, re.MULTILINE) == [(name, f"{name}:5000") for name in FAUCETS]
    assert " uri /healthz/intake " in config
    (tmp_path / "haproxy.cfg").write_text(haproxy_config(["http://127.0.0.1:1"], 5000))
    checked("haproxy", "-c", "-f", tmp_path / "haproxy.cfg")
    assert "bind 127.0.0.1:5000\n" in config
    assert "server 127.0.0.1:5000;" in (DEPLOY / "nginx/faucet.conf").read_text()


def test_patroni_takes_its_configuration(tmp_path: Path) -> None:
    needs_patroni()
    Cluster(tmp_path)
    command = ("patroni", "--validate-config", tmp_path / "db1.yaml")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in (done.stdout + done.stderr).splitlines() if "127.0.0.1" not in line]
    # It wants one beside postgresql.pg_hba, which it would not read.
    assert complaints == ["bootstrap.pg_hba  is not defined."]


def test_databases_confirm_nothing_that_a_failover_forgets() -> None:
    config = yaml.safe_load((MACHINES / "patroni.yaml").read_text())
    dcs = config["bootstrap"]["dcs"]
    assert dcs["synchronous_mode"] is True
    assert dcs["ttl"] >= dcs["loop_wait"] + 2 * dcs["retry_timeout"]
    assert [host.split(":")[0] for host in config["etcd3"]["hosts"]] == [name for name in SERVICES if "etcd" in name]
    assert os.access(MACHINES / "make-ledger", os.X_OK)


def test_images_are_of_one_base() -> None:
    bases = {re.findall(r"^ARG BASE=(.*)", (DEPLOY / name / "Dockerfile").read_text(), re.MULTILINE)[0]
             for name in ("docker", "machines")}  # fmt: skip
    assert len(bases) == 1


@pytest.mark.parametrize("unit", ["faucet", "patroni", "etcd"])
def test_units_with_what_is_added_to_them_are_sound(tmp_path: Path, unit: str) -> None:
    needs("systemd-analyze")
    base = (DEPLOY / "systemd" if unit == "faucet" else SYSTEM_UNITS) / f"{unit}.service"
    if not base.exists():
        pytest.skip(f"{unit}.service is not installed")
    shutil.copy(base, tmp_path)
    shutil.copytree(MACHINES / f"systemd/{unit}.service.d", tmp_path / f"{unit}.service.d")
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / f"{unit}.service"], capture_output=True, text=True, check=False,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if str(tmp_path) in line or line.startswith(unit)]
    assert [line for line in complaints if "/opt/faucet" not in line] == []


@pytest.mark.parametrize("lock", ["deploy/docker/requirements.lock", "tests/requirements.lock"])
def test_locks_name_the_same_versions(lock: str) -> None:
    """Each has all of what the program needs, and more."""
    assert versions_in("requirements.lock") <= versions_in(lock)


def versions_in(lock: str) -> set[str]:
    return set(re.findall(r"^(\S+==\S+)", (ROOT / lock).read_text(), re.MULTILINE))
