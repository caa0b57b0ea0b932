"""What several test modules need."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data"


def data(name: str) -> Any:
    """The JSON file `name` of tests/data."""
    return json.loads((DATA / name).read_text())
