"""When the faucet did not run: nothing is to be concluded from what it did not see then. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

MAX_GAPS = 100  #: that are kept; the shortest give way


@dataclass(frozen=True, slots=True)
class Downtime:
    """The gaps in the faucet's run, (from, until), milliseconds since 1970, UTC, in their order."""

    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def running_since(self) -> float:
        """When the last gap ended, seconds since 1970; 0 where there is none."""
        return self.gaps[-1][1] / 1000 if self.gaps else 0.0

    def elapsed(self, since: float, now: float) -> float:
        """Seconds from `since` to `now`, both since 1970, in which the faucet ran."""
        return max(0.0, now - since - sum(self._overlaps(since, now)))

    def with_gap(self, start: int, end: int) -> "Downtime":
        """The same, and that it did not run from `start` to `end`, milliseconds, after all other gaps."""
        gaps = [*self.gaps, (start, end)]
        if len(gaps) > MAX_GAPS:
            gaps.remove(min(gaps[:-1], key=lambda gap: gap[1] - gap[0]))
        return Downtime(tuple(gaps))

    def _overlaps(self, since: float, now: float) -> Iterator[float]:
        for start, end in self.gaps:
            yield max(0.0, min(end / 1000, now) - max(start / 1000, since))
