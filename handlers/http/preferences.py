"""Options of a request: dry runs, parsed strictly because a misreading costs money, and waits."""

import re
from collections.abc import Iterable, Mapping, Sequence

from jobs.errors import Code, FaucetError

Arguments = Mapping[str, Sequence[bytes]]  #: of a query, by name

YES = frozenset({"", "1", "true", "yes", "on"})

#: RFC 7240, 2, with the parameters of a preference as if they were preferences themselves.
_PREFERENCE = re.compile(
    r"""([!#$%&'*+.^_`|~0-9A-Za-z-]+) (?: \s* = \s* (?: "((?:[^"\\]|\\.)*)" | ([^\s",;]*) ) )?""", re.VERBOSE
)


def is_dry_run(query: Arguments) -> bool:
    """Whether the query asks for a dry run. Raises FaucetError bad_request for a value that does not mean yes."""
    if not query:
        return False
    spelled = [name for name in query if name.lower().replace("-", "_") == "dry_run"]
    return is_flag_set("dry_run", [_text(value) for name in spelled for value in query[name]])


def requested_wait(query: Arguments, prefer: str, maximum: float) -> tuple[float | None, dict[str, str]]:
    """Seconds to hold the reply at the client's request, None without one, and the headers that confirm it.

    `wait` in the query goes before one in the header Prefer. Raises FaucetError bad_request for one in the query that
    is no number.
    """
    if "wait" in query:
        return min(seconds(_text(query["wait"][-1])), maximum), {}
    preferred = preferred_wait(prefer) if prefer else None
    if preferred is None:
        return None, {}
    wait = min(preferred, maximum)
    return wait, {"Preference-Applied": f"wait={wait:g}"}


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


def is_flag_set(name: str, values: Iterable[str]) -> bool:
    """Whether the flag `name` was given, with these `values`.

    Raises FaucetError bad_request for a value other than yes: "no" by a typo must not become a real signup.
    """
    is_given = False
    for value in values:
        if value.strip().lower() not in YES:
            sentence = f"'{name}' must be 1, true, yes or on; leave it out if you do not want it."
            raise FaucetError(Code.BAD_REQUEST, sentence, field=name)
        is_given = True
    return is_given


def seconds(text: str) -> float:
    """The seconds of `wait` in a query. Raises FaucetError bad_request unless finite and not negative."""
    try:
        wait = float(text)
    except ValueError:
        wait = -1
    if not 0 <= wait < float("inf"):
        raise FaucetError(Code.BAD_REQUEST, "'wait' must be a number of seconds.", field="wait")
    return wait


def preferred_wait(header: str) -> float | None:
    """The seconds of the first `wait` in a header Prefer (RFC 7240, 4.3).

    None without one, or if it is not a number: RFC 7240 has servers ignore preferences that they do not understand.
    """
    for name, quoted, word in _PREFERENCE.findall(header):
        if name.lower() == "wait":
            value = (quoted or word).strip()
            return float(value) if value.isdecimal() else None
    return None
