"""A figure of the bench: a line of the table, and where it has a plot, a bar of that."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured, beside what must be reached."""

    what: str
    value: float
    unit: str = ""  #: of the value; a plain count has none
    target: str = ""  #: in words; a figure may have none
    ratio: float | None = None  #: to the baseline of the same run, which target or note names
    met: bool | None = None  #: whether the target is; None without one
    note: str = ""
    plot: str = ""  #: title of the plot that it is a bar of

    @property
    def reached(self) -> str:
        """The value with its unit."""
        return f"{number(self.value)} {self.unit}".rstrip()

    @property
    def verdict(self) -> str:
        """Whether the target is met, in a word."""
        return "" if self.met is None else "yes" if self.met else "NO"


def number(value: float) -> str:
    """Three digits or more, and no more decimals than they need."""
    whole = value == round(value)
    decimals = 0 if whole or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{decimals}f}"
