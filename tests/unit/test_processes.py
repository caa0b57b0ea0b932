"""A process is told from every other one of its machine, and from those of other machines."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jobs.ledger.processes import is_gone, this_process

SAY_WHO = "from jobs.ledger.processes import this_process; print(this_process(), flush=True); input()"


@contextmanager
def another_process() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that waits, and its identity."""
    with subprocess.Popen(
        [sys.executable, "-c", SAY_WHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_process_that_runs_is_not_gone() -> None:
    with another_process() as (_, identity):
        assert not is_gone(identity)
        assert identity != this_process()
    assert not is_gone(this_process())


def test_stopped_process_is_not_gone() -> None:
    with another_process() as (process, identity):
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        assert not is_gone(identity)


def test_killed_process_is_gone_before_its_parent_has_looked() -> None:
    with another_process() as (process, identity):
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert is_gone(identity)
    assert is_gone(identity)


def test_another_process_with_the_same_id_is_another() -> None:
    *place, pid, started = this_process().split("/")
    assert is_gone("/".join((*place, pid, str(int(started) - 1))))


@pytest.mark.parametrize("part", [0, 1])
def test_process_of_another_boot_or_namespace_may_run(part: int) -> None:
    parts = this_process().split("/")
    parts[2:] = ["999999999", "1"]
    assert is_gone("/".join(parts))
    parts[part] += "0"
    assert not is_gone("/".join(parts))


def test_unreadable_identity_may_run() -> None:
    assert not is_gone("somebody")


def test_without_proc_no_process_is_known(tmp_path: Path) -> None:
    """Then the lease alone decides."""
    assert this_process(tmp_path) != this_process(tmp_path)
    assert not is_gone(this_process(), tmp_path)
