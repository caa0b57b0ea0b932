"""How many signups of one network are accepted in an interval, as the configuration says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobs.settings.values import ValueProblemError

MAX_LIMITS = 16
MAX_INTERVAL = 30 * 86_400  #: seconds

_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
_SIZE = re.compile(r"ipv([46])/([0-9]{1,2})")
_RATE = re.compile(rf"([1-9][0-9]{{0,8}}) per (?:([1-9][0-9]{{0,6}}) )?({'|'.join(_UNITS)})s?")
_LENGTHS = {4: range(8, 33), 6: range(16, 65)}


@dataclass(frozen=True, slots=True)
class NetworkLimit:
    """A limit for each network of one size."""

    family: int  #: 4 or 6
    prefix: int  #: bits that tell one network from another
    capacity: int  #: signups
    interval: int  #: seconds

    def __str__(self) -> str:
        return f"ipv{self.family}/{self.prefix}: {self.capacity} per {self.interval} seconds"


def parse_limits(value: Any) -> tuple[NetworkLimit, ...]:
    """The limits in a mapping such as {"ipv4/24": "100 per hour"}; {} is none. Raises ValueProblemError."""
    if not isinstance(value, Mapping) or len(value) > MAX_LIMITS:
        raise ValueProblemError(f"must be a mapping of {MAX_LIMITS} lines at most, such as ipv4/24: 100 per hour")
    return tuple(_limit(size, rate) for size, rate in value.items())


def _limit(size: Any, rate: Any) -> NetworkLimit:
    found = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if found is None or int(found[2]) not in _LENGTHS[int(found[1])]:
        raise ValueProblemError("must name networks as ipv4/8 to ipv4/32, or ipv6/16 to ipv6/64")
    read = _RATE.fullmatch(rate) if isinstance(rate, str) else None
    interval = 0 if read is None else int(read[2] or 1) * _UNITS[read[3]]
    if read is None or interval > MAX_INTERVAL:
        raise ValueProblemError(f"must say of {found[0]}: COUNT per hour, or COUNT per 90 minutes, up to 30 days")
    return NetworkLimit(int(found[1]), int(found[2]), int(read[1]), interval)
