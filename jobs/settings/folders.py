"""Folders of the faucet's files that other users of the machine can read or write: they may replace what is in them."""

import os
import stat
from pathlib import Path

from jobs.settings import Settings

READABLE, WRITABLE = stat.S_IRGRP | stat.S_IROTH, stat.S_IWGRP | stat.S_IWOTH


def exposed_folders(settings: Settings) -> list[str]:
    """A sentence for each such folder that is there; one that the faucet makes is its owner's alone."""
    files = [settings.ledger_file, settings.devchain_data if settings.uses_devchain else None]
    folders = dict.fromkeys(Path(os.path.realpath(file)).parent for file in files if file is not None)
    return [sentence for folder in folders if (sentence := _exposure(folder)) is not None]


def _exposure(folder: Path) -> str | None:
    try:
        mode = folder.stat().st_mode
    except OSError:  # it is not there yet, or whoever asks may not look
        return None
    if mode & WRITABLE:
        return f"other users can write to {folder}, so they can replace the files in it: chmod 700 {folder}"
    if mode & READABLE:
        return f"other users can list {folder}, though not read the files that the faucet makes: chmod 700 {folder}"
    return None
