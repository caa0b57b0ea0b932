"""Where the processes of `serve --workers` share their counts."""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping
from itertools import chain, count
from pathlib import Path


def metrics_folder(beside: Path, environ: Mapping[str, str]) -> Path:
    """Where processes share their counts: in the folder that systemd made (RuntimeDirectory), or beside a file.

    That is the ledger's, or the configuration's where the ledger is in a database.

    Never where any user may write.
    """
    given = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    runtime = Path(given)
    if given and runtime.is_dir() and not runtime.stat().st_mode & stat.S_IWOTH:
        return runtime / "metrics"
    return beside.with_name(f"metrics-{beside.name}.d")


@contextlib.contextmanager
def held_folder(first: Path) -> Iterator[Path]:
    """The folder `first`, or a numbered one beside it while another supervisor of this ledger has that."""
    beside = (first.with_name(f"{first.stem}-{number}{first.suffix}") for number in count(2))
    with contextlib.ExitStack() as held:
        yield next(folder for folder in chain([first], beside) if _hold(folder, held))


def _hold(folder: Path, held: contextlib.ExitStack) -> bool:
    """Keep `folder` from other supervisors; False where one of them has it."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return True  # nobody can share counts there
    held.callback(os.close, descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
