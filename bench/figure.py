"""A line of the table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    what: str
    reached: str
    target: str
    met: bool
