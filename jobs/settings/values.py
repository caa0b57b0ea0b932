"""Parsers of configuration values: each takes what YAML gave and returns it typed, or says what it must be."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from chain.keys import InvalidKeyError, PrivateKey, parse_public_key
from chain.link import without_credentials
from chain.names import name_problem
from jobs.settings.passwords import check_hash

#: How a number with leading zeros begins.
_ZEROS = re.compile(r"\s*[-+]?0[0-9_]")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[\w.-]+)(?::([0-9]{1,5}))?", re.ASCII)
#: A mail address in the form of RFC 5321, without quotes and without literals of addresses.
_MAILBOX = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?"
_ADDRESS = re.compile(_MAILBOX)
_SENDER = re.compile(rf"{_MAILBOX}|[^<>@\r\n\0]*<{_MAILBOX}>")
_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SYMBOL = re.compile(r"[A-Z][A-Z0-9.]{2,15}")  # asset_object.cpp, is_valid_symbol

Parser = Callable[[Any], Any]
Network = IPv4Network | IPv6Network


LEADING_ZERO = "must not begin with a zero: write a number without it, and a text in quotes"


class ValueProblemError(ValueError):
    """What a value must be, continuing "key: …"; never repeats it: it may be a secret under a wrong key."""


@dataclass(frozen=True, slots=True)
class DailyBudget:
    """What may leave the registrar in a day: a fixed amount, or a share of its balance at midnight UTC."""

    amount: Decimal | None = None  #: core asset
    percent: Decimal | None = None

    def __str__(self) -> str:
        return f"{self.amount:f}" if self.amount is not None else f"{self.percent:f} %"


def text(value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise ValueProblemError("must be a text; what looks like a number needs quotes")
    return value


def secret(value: Any) -> str:
    """A text that no message shows."""
    if not isinstance(value, str):
        raise ValueProblemError("must be a text in quotes")
    return value


def flag(value: Any) -> bool:
    """Yes or no; the predecessor wrote 1 and 0 too."""
    if value not in (True, False, 0, 1):
        raise ValueProblemError("must be true or false")
    return bool(value)


def whole(least: int, most: int) -> Parser:
    """A whole number from `least` to `most`."""

    def parse(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueProblemError(f"must be a whole number from {least} to {most}")
        return value

    return parse


def seconds(least: float, most: float) -> Parser:
    """Seconds from `least` to `most`, fractions allowed."""

    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueProblemError(f"must be seconds from {least:g} to {most:g}")
        return float(value)

    return parse


def amount(value: Any) -> Decimal:
    """An amount of the core asset, decimals allowed."""
    if not isinstance(value, bool) and isinstance(value, int | float | str):
        _check_zeros(value)
        try:
            number = Decimal(str(value))
        except InvalidOperation:
            number = Decimal(-1)
        if number.is_finite() and 0 <= number < 10**15:
            return number
    raise ValueProblemError("must be an amount of the core asset")


def _check_zeros(value: object) -> None:
    if isinstance(value, str) and _ZEROS.match(value):
        raise ValueProblemError(LEADING_ZERO)


def daily_budget(value: Any) -> DailyBudget:
    """An amount of the core asset, or a percentage such as 25 %."""
    if isinstance(value, str) and value.rstrip().endswith("%"):
        _check_zeros(value)
        try:
            share = Decimal(value.rstrip()[:-1].strip())
        except InvalidOperation:
            share = Decimal(-1)
        if share.is_finite() and 0 <= share <= 100:
            return DailyBudget(percent=share)
        raise ValueProblemError("must be an amount of the core asset, or a percentage from 0 to 100")
    return DailyBudget(amount=amount(value))


def percent(value: Any) -> int:
    """A percentage, returned in hundredths as the chain counts it."""
    if not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 100:
        return round(value * 100)
    raise ValueProblemError("must be a percentage from 0 to 100")


def account_name(value: Any) -> str:
    """A name that the chain's grammar allows."""
    name = text(value)
    if problem := name_problem(name):
        raise ValueProblemError(f"must be an account's name. {problem}")
    return name


def wif(value: Any) -> str:
    """A private key in wallet import format."""
    try:
        PrivateKey.from_wif(secret(value))
    except InvalidKeyError as error:
        raise ValueProblemError(str(error)) from None
    return str(value)


def password_hash(value: Any) -> str:
    """The hash of a password."""
    try:
        check_hash(secret(value))
    except ValueError as error:
        raise ValueProblemError(str(error)) from None
    return str(value)


def public_key(value: Any) -> str:
    """A public key of any chain."""
    try:
        parse_public_key(text(value), None)
    except InvalidKeyError as error:
        raise ValueProblemError(f"must be a public key: it {error}") from None
    return str(value)


def network(value: Any) -> Network:
    """An address or a network."""
    try:
        return ip_network(text(value), strict=False)
    except ValueError:
        raise ValueProblemError("must be an address or a network") from None


def exact_network(value: Any) -> Network:
    """An address or a network, but not both: 10.0.0.5/8 would let in all of 10.0.0.0/8."""
    network(value)
    try:
        return ip_network(value)
    except ValueError:
        problem = "must be an address such as 10.0.0.5 or a network such as 10.0.0.0/8, not an address within a network"
        raise ValueProblemError(problem) from None


def mail_host(value: Any) -> str:
    """A mail server: HOST, HOST:PORT or [IPV6]:PORT."""
    found = _HOST.fullmatch(text(value))
    if found is None or int(found[1] or 0) > 65535:
        raise ValueProblemError("must be HOST or HOST:PORT")
    return str(value)


def mail_address(value: Any) -> str:
    """A mail address alone."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise ValueProblemError("must be mail addresses, each in a line of its own after a dash")
    return value


def mail_sender(value: Any) -> str:
    """A mail address, perhaps after a name."""
    if not _SENDER.fullmatch(text(value)):
        raise ValueProblemError("must be a mail address, or Name <address>")
    return str(value)


def machine(value: Any) -> str:
    """A machine's name."""
    if not _MACHINE.fullmatch(text(value)):
        raise ValueProblemError("must be a name of at most 64 letters, digits, dots, hyphens and underscores")
    return str(value)


def symbol(value: Any) -> str:
    """The symbol of an asset."""
    if not _SYMBOL.fullmatch(text(value)):
        raise ValueProblemError("must be an asset's symbol, such as TEST")
    return str(value)


def websocket_url(value: Any) -> str:
    """Where a node listens, or `devchain`."""
    if value == "devchain":
        return "devchain"
    try:
        without_credentials(secret(value))
    except ValueError:
        raise ValueProblemError("must be a URL such as ws://127.0.0.1:8090, or devchain") from None
    return str(value)


def list_of(parse: Parser) -> Parser:
    """A list, a single value standing for a list of one, nothing for an empty one; as a tuple."""

    def parse_list(value: Any) -> tuple[Any, ...]:
        entries = [] if value is None else value if isinstance(value, list) else [value]
        return tuple(parse(entry) for entry in entries)

    return parse_list


def optional(parse: Parser) -> Parser:
    """A value or nothing."""
    return lambda value: None if value is None else parse(value)


def one_of(*choices: str) -> Parser:
    """One of a few words."""

    def parse(value: Any) -> str:
        word = "off" if value is False else value  # as YAML reads it
        if word not in choices:
            raise ValueProblemError(f"must be one of {', '.join(choices)}")
        return str(word)

    return parse
