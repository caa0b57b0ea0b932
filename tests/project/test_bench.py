"""The benchmarks with small loads: their counts are right. Times are not checked here."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench import accepting, idle, overload, profile, simultaneous, sustained, ways
from bench.crowd import is_whole
from bench.figure import Figure
from bench.interpreter import by_thread
from bench.load import PATH, load, read_summary, write_keys
from bench.processes import (
    cpu_seconds,
    faucet,
    ledger_of,
    memory,
    pause_drain,
    peak_memory,
    query_ledger,
    resident_memory,
)
from bench.registering import sink_program
from bench.report import AGAINST, replace_section, with_section, write_report, write_sections
from jobs.ledger import Ledger
from jobs.model.job import State
from tests.harness.program import ROOT, dev_chain
from tests.project.test_architecture import functions_of

SMALL = 0.01
needs_wrk = pytest.mark.skipif(shutil.which("wrk") is None, reason="the load is made by wrk, which is missing")


def met(figures: Sequence[Figure], *parts: str) -> dict[str, bool | None]:
    """Whether the figures with one of `parts` in their names meet their targets."""
    return {figure.what: figure.met for figure in figures if any(part in figure.what for part in parts)}


@needs_wrk
async def test_accepting_counts_what_is_on_disk(tmp_path: Path) -> None:
    figures = await accepting.measure(SMALL, tmp_path)
    counted = met(figures, "other than 200", "not in the ledger", "calls to the node")
    assert len(counted) == 4
    assert set(counted.values()) == {True}
    assert all(figure.value > 0 for figure in figures if figure.unit == "/s")


@needs_wrk
async def test_flood_from_one_network_gets_its_share_and_no_other_client_is_refused(tmp_path: Path) -> None:
    figures = await ways.measure(SMALL, tmp_path)
    counted = met(figures, "other than 200", "flood", "others meanwhile")
    assert len(counted) == 3
    assert set(counted.values()) == {True}


@needs_wrk
async def test_profile_sees_what_a_busy_faucet_does(tmp_path: Path) -> None:
    figures = await profile.measure(SMALL, tmp_path)
    # Where a process may not trace another, there is no profile.
    assert {round(sum(figure.value for figure in figures))} <= {0, 100}


def test_profile_counts_time_for_the_first_match() -> None:
    main, deep = "thread (1): MainThread;run (asyncio/runners.py:160)", "_read_message (tornado/http1connection.py:204)"
    stacks = [
        f"{main};EpollSelector.select (selectors.py:451) 10",
        f"{main};{deep};SignupEndpoint.finish (handlers/api/signups.py:90);parse_signup (jobs/signup.py:42) 40",
        f"{main};HTTP1Connection.{deep} 20",
        f"{main};SignupEndpoint._reply (handlers/api/signups.py:150);log_request (handlers/base.py:101) 5",
        f"{main};call_soon (asyncio/base_events.py:740) 25",
        "thread (2): Thread-1;select (selectors.py:451) 900",
    ]
    assert list(profile.shares(stacks).values()) == [10, 40, 5, 20, 25]
    assert profile.shares([]) == {}


def test_interpreter_time_is_counted_by_thread() -> None:
    stacks = [
        'thread (0x7f1): "MainThread";run (asyncio/runners.py) 7',
        'thread (0x7f2): "ledger_0";_transact (jobs/ledger/sqlite/engine.py) 2',
        'thread (0x7f2): "ledger_0";rows (jobs/ledger/sqlite/rows.py) 1',
    ]
    assert by_thread(stacks) == {"MainThread": 7, "ledger": 3}


@needs_wrk
async def test_sustained_load_is_registered_and_its_cost_known(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys", 300)
    async with sink_program(100) as node, faucet(tmp_path / "one", node.url) as service:
        run = await sustained.sustained(service, node, keys, "some", seconds=2)
        assert run.load.others == 0
        registered = query_ledger(service, "SELECT count(*) FROM jobs WHERE registered_at IS NOT NULL")[0][0]
        assert run.load.answered <= registered <= run.load.answered + 64
    assert {"serve main", "bench.sink main", "wrk"} <= run.each.keys()
    assert run.each["bench.sink main"] >= 100
    assert run.rate <= run.allowed


def test_profile_names_functions_that_exist() -> None:
    named = [name.rstrip(")").split(" (") for names in profile.DOING.values() for name in names]
    ours = [(function, ROOT / file) for function, file in named if file.startswith(("handlers/", "jobs/"))]
    assert len(ours) > 3
    for function, path in ours:
        assert function in functions_of(path)


@needs_wrk
async def test_signups_of_the_load_are_distinct_jobs(tmp_path: Path) -> None:
    keys = write_keys(tmp_path / "keys", 300)
    async with dev_chain() as chain, faucet(tmp_path / "one", chain.url) as service:
        await pause_drain(service)
        result = await load(service.url + PATH, keys, "some", seconds=1)
        assert result.others == 0
        assert result.answered > 100
        ledger = await Ledger.open(ledger_of(service))
        waiting = (await ledger.queries.counts())[State.QUEUED]
        await ledger.close()
        # Of the signups in flight when the load ended, some are jobs without an answer.
        assert result.answered <= waiting <= result.answered + 64


async def test_signups_at_once_are_all_answered_and_registered(tmp_path: Path) -> None:
    figures = await simultaneous.measure(SMALL, tmp_path)
    counted = met(figures, "answered 200", "other answers", "on the chain")
    assert len(counted) == 6
    assert set(counted.values()) == {True}


@needs_wrk
async def test_overload_is_refused_with_a_time_to_come_back(tmp_path: Path) -> None:
    figures = await overload.measure(SMALL, tmp_path)
    counted = met(figures, "Retry-After", "queue full: ")
    assert len(counted) == 3
    assert set(counted.values()) == {True}


@needs_wrk
async def test_idle_and_steady_cost_are_measured(tmp_path: Path) -> None:
    figures = await idle.measure(SMALL, tmp_path)
    assert len(figures) == 6
    assert all(figure.value > 0 for figure in figures if figure.unit == "MB")


async def test_memory_includes_every_worker(tmp_path: Path) -> None:
    async with dev_chain() as chain, faucet(tmp_path / "two", chain.url, workers=2) as service:
        # Supervisor, two of HTTP, the chain's owner: each has its own interpreter.
        assert resident_memory(service.pid) > 4 * 15
        assert memory(service.pid) < resident_memory(service.pid) <= peak_memory(service.pid)
        assert cpu_seconds(service.pid) > 0


def test_summary_of_the_load_is_read() -> None:
    text = "Running 1s test\nsummary us=2000000 p50=1500 p95=2500 p99=3500 200=30 503=8 silent=1 broken=2\n"
    summary = read_summary(text, cpu=0.5)
    assert (summary.answered, summary.rate, summary.others, summary.silent, summary.cpu) == (30, 15.0, 10, 1, 0.25)
    assert (summary.p50, summary.p95, summary.p99) == (1.5, 2.5, 3.5)


@pytest.mark.parametrize(
    ("reply", "whole"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", False),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", True),
    ],
)
def test_reply_is_whole_with_its_body(reply: bytes, *, whole: bool) -> None:
    assert is_whole(reply) is whole


def test_report_has_every_figure_and_its_plots(tmp_path: Path) -> None:
    results = {
        "one": [
            Figure("a < b", 1234.5, "/s", "0.60", 0.5, met=False, note="why", plot="Some, a second"),
            Figure("c", 7, plot="Some, a second"),
        ],
        "two": [Figure("nothing", 0, "ms", "0", met=True)],
    }
    write_report(results, tmp_path)
    text = (tmp_path / "benchmarks.md").read_text()
    assert "| a < b | 1,234 /s | 0.60 | 0.50 | NO | why |" in text
    assert "| nothing | 0 ms | 0 |  | yes |  |" in text
    assert "![Some, a second](benchmarks/some-a-second.svg)" in text
    (picture,) = (tmp_path / "benchmarks").iterdir()
    drawn = ET.fromstring(picture.read_text())  # noqa: S314  # it is ours
    labels = [element.text for element in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert labels == ["Some, a second", "a < b", "1,234 /s", "c", "7"]


def test_goodput_is_measured_against_the_best_of_smaller_loads() -> None:
    """The smallest load cannot overload, so it is only a base for the others."""
    loads = [read_summary(f"summary us=1000000 p50=1 p95=1 p99=1 200={rate} broken=0", cpu=0) for rate in (80, 100, 89)]
    assert [(figure.ratio, figure.met) for figure in overload._of_connections(loads)] == [
        (None, None),
        (1.25, True),
        (0.89, False),
    ]


def test_comparison_with_an_earlier_commit_is_replaced_and_kept(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    write_report({"some": [Figure("a", 1)]}, tmp_path)
    for section in (f"{AGAINST} one\n", f"{AGAINST} two\n"):
        document.write_text(replace_section(document.read_text(), section))
    write_report({"some": [Figure("a", 1)]}, tmp_path)
    text = document.read_text()
    assert text.startswith("# Benchmarks")
    assert text.partition(AGAINST)[2] == " two\n"


def test_section_of_a_part_is_written_in_its_place(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    write_report({"some": [Figure("a", 1)], "other": [Figure("b", 2)]}, tmp_path)
    document.write_text(replace_section(document.read_text(), f"{AGAINST} one\n"))
    write_sections({"some": [Figure("c", 3)], "machines": [Figure("d", 4)]}, tmp_path, size=0.5, remark="All was busy.")
    text = document.read_text()
    headings = [line for line in text.splitlines() if line.startswith("## ")]
    assert headings == ["## Some", "## Other", "## One ledger, many machines", f"{AGAINST} one"]
    assert "at 0.5 of the whole size. All was busy.\n\n| figure" in text
    assert [cell in text for cell in ("| a |", "| b |", "| c |", "| d |")] == [False, True, True, True]
    assert with_section(text, "## Other\n\nnew\n").count("## ") == len(headings)
