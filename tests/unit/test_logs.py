"""The log: one line for each event, and no secrets in it."""

import asyncio
import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chain.wallet import derive_key
from jobs.monitoring.logs import JsonLine, Line, Lines, TextLine, log_event
from tests.harness.loglines import is_fault
from tests.harness.program import REGISTRAR_WIF, dev_chain, faucet, keys_of

CLIENT = {"X-Forwarded-For": "198.51.100.7", "X-Request-ID": "wallet-42"}


#: Any text, half a surrogate pair included: a file's name may hold one.
TEXTS = st.text(st.characters())
FIELDS = st.dictionaries(st.from_regex(r"[a-z]{1,9}_[a-z]", fullmatch=True), TEXTS)
START = "time=2027-01-15T08:00:00.500Z level=info logger=faucet.test "


def record(event: str, fields: dict[str, Any] | None = None, *, fault: bool = False) -> logging.LogRecord:
    trace = None
    try:
        int("two\nlines" if fault else "0")
    except ValueError:
        trace = sys.exc_info()
    made = logging.LogRecord("faucet.test", logging.INFO, __file__, 1, event, (), trace)
    made.created, made.msecs = 1_800_000_000.5, 500
    if fields is not None:
        made.fields = fields
    return made


def read(line: str) -> dict[str, str]:
    """The keys and values of a log line, as an operator's program splits them."""
    pairs: list[tuple[str, str]] = re.findall(r'(?:^| )(\w+)=("(?:[^"\\]|\\.)*"|[^" =\\]+)(?= |$)', line)
    assert line == " ".join(f"{key}={value}" for key, value in pairs)
    return {key: json.loads(value) if value.startswith('"') else value for key, value in pairs}


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        (200, "200"),
        ("a1", "a1"),
        ("ws://[::1]:80", "ws://[::1]:80"),
        ("", '""'),
        ("no money", '"no money"'),
        ("no\nmoney", '"no\\nmoney"'),
        ("a level=critical", '"a level=critical"'),
        ("x=1", '"x=1"'),
        ('say "no"', '"say \\"no\\""'),
        ("caf\u00e9", '"caf\u00e9"'),
        ("\u2028", '"\\u2028"'),
        ("\x85", '"\\u0085"'),
        ("\udcff", '"\\udcff"'),
    ],
)
def test_text_quotes_what_is_not_plain(value: object, quoted: str) -> None:
    line = TextLine().format(record("job failed", {"job_id": value}))
    assert line == f'{START}event="job failed" job_id={quoted}'


def test_text_has_the_traceback_on_the_same_line() -> None:
    line = TextLine().format(record("failed", fault=True))
    assert line.splitlines() == [line]
    assert "two\\nlines" in read(line)["trace"]


def test_chaos_run_sees_faults_in_the_log() -> None:
    assert is_fault(TextLine().format(record("task failed", {"task": "tracker"}, fault=True)))
    assert not is_fault(TextLine().format(record("task failed", {"reason": 'a level=critical trace="Traceback'})))
    assert is_fault("Traceback (most recent call last):")


def test_library_events_have_no_fields() -> None:
    made = logging.LogRecord("asyncio", logging.WARNING, __file__, 1, "took\n%s", ("level=critical",), None)
    assert TextLine().format(made).endswith(' level=warning logger=asyncio event="took\\nlevel=critical"')


@given(TEXTS, FIELDS)
def test_any_value_is_one_line_and_reads_back(event: str, fields: dict[str, str]) -> None:
    made = record(event, fields)
    head = {"time": "2027-01-15T08:00:00.500Z", "level": "info", "logger": "faucet.test"}
    text, line = TextLine().format(made), JsonLine().format(made)
    assert (len(text.splitlines()), len(line.splitlines())) == (1, 1)
    assert read(text) == {**head, "event": made.getMessage(), **fields}
    assert json.loads(line) == {**head, "message": made.getMessage(), **fields}
    assert text.encode(errors="strict") + line.encode(errors="strict")


def test_json_members_are_strings() -> None:
    line = json.loads(JsonLine().format(record("request answered", {"request": "a1", "status": 200})))
    assert (line["request"], line["status"], line["level"], line["time"], line["message"]) == (
        "a1", "200", "info", "2027-01-15T08:00:00.500Z", "request answered",
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


class Descriptor(io.RawIOBase):
    """A file that knows what each system call wrote."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[str] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.written.append(bytes(data).decode())
        return len(data)


def only_lines(monkeypatch: pytest.MonkeyPatch, formatter: Line) -> Lines:
    """What handles all of the log from now on: fixtures come too early for that."""
    handler = Lines(formatter)
    # As Python opens standard error.
    handler.setStream(io.TextIOWrapper(io.BufferedWriter(Descriptor()), "utf-8", line_buffering=True))
    monkeypatch.setattr(logging.root, "handlers", [handler])
    monkeypatch.setattr(logging.root, "level", logging.INFO)
    return handler


def written(lines: Lines) -> list[str]:
    assert isinstance(lines.stream, io.TextIOWrapper)
    descriptor = lines.stream.buffer.raw
    assert isinstance(descriptor, Descriptor)
    return descriptor.written


async def test_lines_of_one_iteration_are_written_together(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = only_lines(monkeypatch, TextLine())
    log = logging.getLogger("faucet.test")
    log.info("first")
    log_event(log, "second", {"at": 1})
    assert written(lines) == []
    await asyncio.sleep(0)
    (text,) = written(lines)
    assert [name in line for name, line in zip(("first", "second"), text.splitlines(), strict=True)] == [True, True]


async def test_warning_is_written_at_once_after_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = only_lines(monkeypatch, TextLine())
    log = logging.getLogger("faucet.test")
    log.info("first")
    log.warning("second")
    assert [text.count("\n") for text in written(lines)] == [2]


def test_line_without_an_event_loop_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = only_lines(monkeypatch, TextLine())
    log = logging.getLogger("faucet.test")
    log.info("first")
    log_event(log, "second", {})
    assert len(written(lines)) == 2


def test_line_after_an_event_loop_has_ended_is_written_with_those_before(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = only_lines(monkeypatch, TextLine())

    async def last() -> None:
        logging.getLogger("faucet.test").info("first")

    with asyncio.Runner() as runner:
        runner.get_loop().call_soon(runner.get_loop().stop)
        runner.get_loop().create_task(last())
        runner.get_loop().run_forever()
        logging.getLogger("faucet.test").info("second")
        assert "".join(written(lines)).count("\n") == 2


@pytest.mark.parametrize("formatter", [TextLine(), JsonLine()])
def test_event_is_logged_alike_whoever_handles_the_log(
    formatter: Line, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lines = only_lines(monkeypatch, formatter)
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.25)
    log, fields = logging.getLogger("faucet.test"), {"request": "a b", "status": 200, "ms": "1.5"}
    log_event(log, "request answered", fields)
    logging.root.handlers.append(caplog.handler)
    log_event(log, "request answered", fields)
    first, second = written(lines)
    assert (first, [each.getMessage() for each in caplog.records]) == (second, ["request answered"])
    assert "2027-01-15T08:00:00.250Z" in first


def test_events_below_the_level_are_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = only_lines(monkeypatch, TextLine())
    monkeypatch.setattr(logging.root, "level", logging.WARNING)
    log_event(logging.getLogger("faucet.quiet"), "request answered", {})
    assert written(lines) == []


def test_log_that_can_not_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = only_lines(monkeypatch, TextLine())
    lines.stream.close()
    logging.getLogger("faucet.test").warning("lost")
