"""The log: a line an event, whatever happens, and nothing in it that must stay secret."""

import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from chain.wallet import derive_key
from jobs.monitoring.logs import JsonLine, TextLine
from tests.harness.program import REGISTRAR_WIF, dev_chain, faucet, keys_of

CLIENT = {"X-Forwarded-For": "198.51.100.7", "X-Request-ID": "wallet-42"}


def record(message: str, *arguments: Any, fault: bool = False) -> logging.LogRecord:
    trace = None
    try:
        int("two\nlines" if fault else "0")
    except ValueError:
        trace = sys.exc_info()
    made = logging.LogRecord("faucet.test", logging.INFO, __file__, 1, message, arguments, trace)
    made.created, made.msecs = 1_800_000_000.5, 500
    return made


def test_text_is_key_and_value_on_one_line() -> None:
    start = "time=2027-01-15T08:00:00.500Z level=info logger=faucet.test "
    assert TextLine().format(record("request=%s status=%d", "a1", 200)) == f"{start}request=a1 status=200"
    assert TextLine().format(record("drain paused: %s", "no\nmoney")) == f'{start}event="drain paused: no\\nmoney"'
    assert "\n" not in TextLine().format(record("failed", fault=True))


def test_json_is_an_object_with_the_fields_of_the_message() -> None:
    line = json.loads(JsonLine().format(record("request=%s status=%d", "a1", 200)))
    assert (line["request"], line["status"], line["level"], line["time"]) == (
        "a1", "200", "info", "2027-01-15T08:00:00.500Z",
    )  # fmt: skip
    assert "two\\nlines" in json.loads(JsonLine().format(record("failed", fault=True)))["trace"]


@pytest.mark.parametrize("log_format", ["text", "json"])
async def test_log_of_a_server_names_requests_and_hides_keys_and_addresses(tmp_path: Path, log_format: str) -> None:
    wif = derive_key("alice-1", "owner", "secret").wif()

    async with dev_chain() as chain:
        settings = {"log_level": "debug", "log_format": log_format, "mail_pass": "mail secret", "minIPAge": 0}
        async with faucet(tmp_path, chain.url, **settings) as service:
            job = (await service.sign_up("alice-1", headers=CLIENT)).body["job"]["id"]
            await service.job(job, until="done")
            leaked = json.dumps({"account": {"name": "bob-1", "owner_key": wif}})
            await service.fetch("/faucet", method="POST", body=leaked, headers=CLIENT)
            await service.fetch("/api/v1/jobs/none", headers=CLIENT)
            await service.fetch("/admin", method="POST", body="password=guess", headers=CLIENT)
    lines = (tmp_path / "log").read_text().splitlines()
    text = "\n".join(lines)
    assert text.count("wallet-42") >= 4
    hidden = [REGISTRAR_WIF, wif, "198.51.100.7", "mail secret", "guess", *keys_of("alice-1").values()]
    assert [secret for secret in hidden if secret in text] == []
    if log_format == "json":
        assert all({"time", "level", "logger", "message"} <= json.loads(line).keys() for line in lines)
    else:
        assert all(line.startswith("time=") for line in lines)
