"""Data and files for several test modules."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"


def data(name: str) -> Any:
    """The JSON file `name` of tests/data."""
    return json.loads((DATA / name).read_text())


def csv_file(folder: Path, text: str) -> Path:
    """A file in `folder` that holds `text`."""
    file = folder / "people.csv"
    file.write_text(text)
    return file
