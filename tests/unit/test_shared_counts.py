"""Counts of several processes, in files that may vanish, be cut or hold garbage."""

import logging
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from commands.metrics_folder import held_folder, metrics_folder
from jobs.monitoring.shared_counts import MAX_SIZE, SharedCounts, clear
from tests.harness.loglines import log_lines


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


class Process:
    """What one process counts."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / f"{name}.json"
        registry = CollectorRegistry()
        self.signups = Counter("signups", "Signups", ["outcome"], registry=registry)
        self.seconds = Histogram("seconds", "Durations", buckets=(1, 2), registry=registry)
        self.shared = SharedCounts(folder, name, registry)

    def accept(self, count: int = 1) -> None:
        self.signups.labels(outcome="accepted").inc(count)
        self.shared.save()

    def accepted(self) -> float:
        return self.sample('signups_total{outcome="accepted"}')

    def sample(self, name: str) -> float:
        lines = generate_latest(self.shared).decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def cut(file: Path) -> None:
    os.truncate(file, 9)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def garble(file: Path) -> None:
    file.write_bytes(bytes(range(256)) * 20)


def lie(file: Path) -> None:
    file.write_text('[["signups_total", {"outcome": "accepted"}, -5]]')


def swell(file: Path) -> None:
    file.write_bytes(b"[" * (MAX_SIZE + 1))


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


def remove(file: Path) -> None:
    file.unlink()


def remove_folder(file: Path) -> None:
    shutil.rmtree(file.parent)


def forbid(file: Path) -> None:
    file.parent.chmod(0)


DAMAGES = [cut, empty, garble, lie, swell, pipe, link, remove, remove_folder, forbid]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_file_costs_no_count_and_is_made_again(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    folder = tmp_path / "metrics"
    one, other = Process(folder, "http-0"), Process(folder, "http-1")
    one.accept()
    other.accept(2)
    assert (one.accepted(), other.accepted()) == (3, 3)
    damage(other.file)
    assert one.accepted() == 3
    other.shared.save()
    one.shared.save()
    assert Process(folder, "chain").accepted() == 3
    assert folder.stat().st_mode & 0o777 == 0o700


def test_samples_of_all_processes_are_added_up(tmp_path: Path) -> None:
    one, other = Process(tmp_path / "metrics", "http-0"), Process(tmp_path / "metrics", "chain")
    one.seconds.observe(0.5)
    other.seconds.observe(1.5)
    other.signups.labels(outcome="throttled").inc()
    other.shared.save()
    text = generate_latest(one.shared).decode()
    for line in (
        'signups_total{outcome="throttled"} 1.0',
        'seconds_bucket{le="1.0"} 1.0',
        'seconds_bucket{le="2.0"} 2.0',
        'seconds_bucket{le="+Inf"} 2.0',
        "seconds_count 2.0",
        "seconds_sum 2.0",
    ):
        assert line in text.splitlines()
    assert text.count("seconds_count") == 1


def test_successor_goes_on_with_the_counts_of_a_dead_process(tmp_path: Path) -> None:
    witness = Process(tmp_path / "metrics", "http-0")
    for number in range(1, 4):
        Process(tmp_path / "metrics", "http-1").accept()
        assert witness.accepted() == number
    assert names_in(tmp_path / "metrics") == ["http-1.json"]


def test_files_of_others_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    one = Process(folder, "http-0")
    one.accept()
    shutil.copy(one.file, folder / "http-0 (copy).json")
    shutil.copy(one.file, folder / "http-0.json~")
    assert one.accepted() == 1
    clear(folder)
    assert names_in(folder) == ["http-0 (copy).json", "http-0.json~"]


def test_full_disk_is_logged_once_and_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one, other = Process(tmp_path / "metrics", "http-0"), Process(tmp_path / "metrics", "http-1")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limit[1]))
    try:
        with caplog.at_level(logging.WARNING):
            one.accept()
            one.accept()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    (line,) = log_lines(caplog.records)
    assert 'event="metrics not written"' in line
    assert (one.accepted(), other.accepted()) == (2, 0)
    one.shared.save()
    assert other.accepted() == 2


@pytest.mark.parametrize("obstacle", ["file", "link"])
def test_folder_that_is_none_is_left_alone(tmp_path: Path, obstacle: str) -> None:
    folder = tmp_path / "metrics"
    if obstacle == "file":
        folder.touch()
    else:
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to("elsewhere")
    one = Process(folder, "http-0")
    one.accept()
    assert one.accepted() == 1
    assert obstacle == "file" or names_in(tmp_path / "elsewhere") == []


def test_folder_is_systemds_or_beside_the_ledger_and_never_for_all(tmp_path: Path) -> None:
    ledger = tmp_path / "data" / "faucet.db"
    beside = tmp_path / "data" / "metrics-faucet.db.d"
    runtime, public = tmp_path / "runtime", tmp_path / "public"
    runtime.mkdir()
    public.mkdir()
    public.chmod(0o1777)
    assert metrics_folder(ledger, {"RUNTIME_DIRECTORY": f"{runtime}:/run/other"}) == runtime / "metrics"
    for given in ("", str(public), str(tmp_path / "missing")):
        assert metrics_folder(ledger, {"RUNTIME_DIRECTORY": given}) == beside


def test_supervisors_of_one_ledger_have_a_folder_each(tmp_path: Path) -> None:
    first = tmp_path / "metrics-faucet.db.d"
    with held_folder(first) as folder:
        assert folder == first
        with held_folder(first) as second, held_folder(first) as third:
            assert (second.name, third.name) == ("metrics-faucet.db-2.d", "metrics-faucet.db-3.d")
    with held_folder(first) as folder:
        assert folder == first


def test_folder_that_can_not_be_made_is_nobodys(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with held_folder(tmp_path / "file" / "metrics") as folder:
        assert folder == tmp_path / "file" / "metrics"
