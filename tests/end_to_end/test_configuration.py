"""An operator's slips in the configuration, and what the program makes of them."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.harness.program import HASTY, REGISTRAR_WIF, Faucet, command, dev_chain, faucet, on_chain

OTHER_WIF = "5KQwrPbwdL6PhXujxW37FSSQZ1JiwsST4cqQzDeyXtP79zkvFD3"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("port: 05000", "config.yaml:1: port: must not begin with a zero"),
        ("witness_url:", "config.yaml:1: witness_url: is empty"),
        (f"port: 0\nwif_file: {OTHER_WIF}", "config.yaml:2: wif_file: holds a private key"),
        (f"port: 0\n{OTHER_WIF}: wif", "config.yaml:2: what stands before the colon: is not a key"),
        ("minIPAge: Hush!Hush2", "config.yaml:1: minIPAge: must be a whole number"),
    ],
)
async def test_slip_is_refused_by_its_line_and_repeats_nothing(tmp_path: Path, text: str, start: str) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(text)
    for name in ("serve", "check"):
        code, output, errors = await command(name, "--config", str(config))
        assert (code, output, errors.count("\n")) == (2, "", 1)
        assert errors.startswith(start)
        assert OTHER_WIF not in errors
        assert "Hush" not in errors


async def test_bad_variable_is_refused_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Faucet(tmp_path, on_chain("ws://127.0.0.1:1"))
    monkeypatch.setitem(os.environ, "FAUCET_WIF", REGISTRAR_WIF[:-1])
    code, _, errors = await command("check", "--config", str(service.config))
    assert (code, errors) == (2, "FAUCET_WIF (environment): is not a private key in wallet import format\n")


async def test_initial_balance_below_the_chains_unit_pauses_the_drain(tmp_path: Path) -> None:
    sentence = "initial_balance is 0.000001, less than the chain's smallest amount, 0.00001 TEST."
    paid: dict[str, Any] = {"enable_initial_balance": True, "initial_balance": "0.000001"}
    async with dev_chain() as chain, faucet(tmp_path, chain.url, **paid) as service:
        job = (await service.sign_up("alice-1")).body["job"]["id"]
        while (await service.fetch("/readyz")).body["checks"]["drain"]["text"] != sentence:
            """The page has no event."""
        assert (await service.fetch(f"/api/v1/jobs/{job}")).body["job"]["state"] == "queued"
        await service.stop()
        service.config.write_text(json.dumps({**on_chain(chain.url), **paid, "enable_initial_balance": False}))
        await service.start()
        await service.job(job, until="registered")
        assert (await command("waive", "--config", str(service.config)))[0] == 0
        await service.job(job, until="done")


@pytest.mark.parametrize("workers", [1, 2])
async def test_all_addresses_of_ipv6_are_all_of_ipv4_too(tmp_path: Path, workers: int) -> None:
    service = Faucet(tmp_path, {**HASTY, "host": "::", "devchain_port": 0, "nobroadcast": True, "workers": workers})
    await service.start()
    try:
        port = service.url.rpartition(":")[2]
        assert service.url == f"http://[::]:{port}"
        for number, host in enumerate(("127.0.0.1", "[::1]", "127.0.0.1")):
            service.url = f"http://{host}:{port}"
            # The limit between two signups exempts this machine, by either family.
            assert (await service.sign_up(f"alice-{number}")).status == 200
        forwarded = {"X-Forwarded-For": "192.0.2.7"}
        statuses = [(await service.sign_up(f"bob-{number}", headers=forwarded)).status for number in range(2)]
        assert statuses == [200, 429], "the proxy on this machine is believed"
    finally:
        await service.stop()
