"""Counts of several processes: each keeps its own in memory, and writes them into a file that the others read.

The folder of these files may vanish, be full, or hold garbage. That costs counts at worst, never a reply or a process:
nothing is mapped into memory, where a file that is cut kills the process, and the disk is waited for in a thread.
"""

import asyncio
import contextlib
import logging
import os
import re
import stat
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

log = logging.getLogger("faucet.metrics")

INTERVAL = 0.25  #: seconds between two looks whether there is something to write
LOG_INTERVAL = 60.0  #: seconds between two lines about the same problem
MAX_SIZE = 4 << 20  #: bytes read of a file

#: How the names of the samples end that are counted, by the type of their metric.
_ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
_OWN_FILES = re.compile(r"[a-z]{1,20}(-[0-9]{1,3})?\.(json|new)")

Labels = tuple[tuple[str, str], ...]
Counts = Mapping[tuple[str, Labels], float]  #: by the sample's name and labels


class _Count(msgspec.Struct, array_like=True):
    """A sample as it stands in a file."""

    name: str
    labels: dict[str, str]
    value: Annotated[float, msgspec.Meta(ge=0)]


class SharedCounts(Collector):
    """The metrics of a registry; its counters and histograms include those of the other processes in `folder`.

    The file is named by `process`, and whoever is started under the same name again goes on with its counts.
    """

    def __init__(self, folder: Path, process: str, registry: CollectorRegistry) -> None:
        self._folder = folder
        self._file = folder / f"{process}.json"
        self._registry = registry
        self._written: Counts = {}
        self._identity: tuple[int, ...] | None = None  # of the file as it was written
        self._read: dict[str, Counts] = {}  # the last that could be read, by the file's name
        self._logged_at: dict[str, float] = {}  # by event
        self._before = self._counts_in(self._file)

    async def keep(self) -> None:
        """Write the counts whenever they change, and the file whenever it is no longer as it was written."""
        while True:
            await asyncio.to_thread(self.save)
            await asyncio.sleep(INTERVAL)

    def save(self) -> None:
        """Write the counts, if need be. What goes wrong is logged."""
        counts = _sum([self._before, _counts_of(self._registry.collect())])
        try:
            make_private(self._folder)
            if counts != self._written or self._identity != _identity(self._file):
                self._write(counts)
        except OSError as error:
            self._log("metrics not written", self._file, error)

    def collect(self) -> Iterator[Metric]:
        """All metrics, the counts of all processes added up."""
        own = list(self._registry.collect())
        counts = _sum([_counts_of(own), self._before, *self._others()])
        for metric in own:
            yield _with_counts(metric, counts) if metric.type in _ENDINGS else metric

    def _others(self) -> Iterable[Counts]:
        """The counts of the other processes; those last read of one whose file is gone or garbage."""
        for name in _names_in(self._folder):
            if name.endswith(".json") and name != self._file.name:
                self._read[name] = self._counts_in(self._folder / name) or self._read.get(name, {})
        return list(self._read.values())  # two threads may be here

    def _counts_in(self, file: Path) -> Counts:
        """The counts in `file`; none if it can't be read."""
        try:
            counts = msgspec.json.decode(_read(file), type=list[_Count])
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:  # msgspec's errors are ValueErrors
            self._log("metrics of a process not read", file, error)
            return {}
        return {(count.name, tuple(sorted(count.labels.items()))): count.value for count in counts}

    def _write(self, counts: Counts) -> None:
        beside = self._file.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with beside.open("xb") as file:
            file.write(msgspec.json.encode([_Count(name, dict(labels), n) for (name, labels), n in counts.items()]))
        beside.replace(self._file)
        self._written, self._identity = counts, _identity(self._file)

    def _log(self, event: str, file: Path, error: Exception) -> None:
        if time.monotonic() - self._logged_at.get(event, -LOG_INTERVAL) >= LOG_INTERVAL:
            self._logged_at[event] = time.monotonic()
            fields = {"file": file, "reason": getattr(error, "strerror", None) or error}
            log.warning(event, extra={"fields": fields})


def make_private(folder: Path) -> None:
    """Make `folder`, for its owner alone. Raises OSError where that can't be."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise NotADirectoryError(f"{folder} is no folder of this user")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)


def clear(folder: Path) -> None:
    """Remove the files of earlier processes, as far as that is possible."""
    for name in _names_in(folder):
        with contextlib.suppress(OSError):
            (folder / name).unlink()


def _names_in(folder: Path) -> list[str]:
    try:
        return [name for name in os.listdir(folder) if _OWN_FILES.fullmatch(name)]  # noqa: PTH208  # names are meant
    except OSError:
        return []


def _identity(file: Path) -> tuple[int, ...] | None:
    """What changes when anybody replaces, cuts or writes `file`; None without one."""
    try:
        found = file.lstat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read(file: Path) -> bytes:
    """The bytes of `file`. Raises OSError, for anything but a file too: a named pipe would be waited for."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    with open(descriptor, "rb") as opened:  # noqa: PTH123  # a path can't be opened so
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a file")
        return opened.read(MAX_SIZE)


def _counts_of(metrics: Iterable[Metric]) -> Counts:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for metric in metrics
        for sample in metric.samples
        if sample.name.removeprefix(metric.name) in _ENDINGS.get(metric.type, ())
    }


def _sum(parts: Iterable[Counts]) -> Counts:
    total: defaultdict[tuple[str, Labels], float] = defaultdict(float)
    for part in parts:
        for sample, value in part.items():
            total[sample] += value
    return total


def _with_counts(metric: Metric, counts: Counts) -> Metric:
    """`metric` with those of `counts` that are its own."""
    names = {metric.name + ending for ending in _ENDINGS[metric.type]}
    total = Metric(metric.name, metric.documentation, metric.type)
    for (name, labels), value in counts.items():
        if name in names:
            total.add_sample(name, dict(labels), value)
    return total
