"""Where a block explorer shows accounts, blocks and transactions: the URLs of the configuration, as templates."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from jobs.settings.values import Parser, ValueProblemError, secret

#: What a URL may hold without being escaped (RFC 3986), and the braces of the placeholder.
_URL = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%{}-]+")
#: Where explorers of Graphene chains that show an account at /accounts/{name} show the rest (open-explorer does).
_BESIDE = {
    "explorer_block_url": ("/accounts/{name}", "/blocks/{number}"),
    "explorer_transaction_url": ("/accounts/{name}", "/txs/{id}"),
}


def explorer_url(placeholder: str) -> Parser:
    """An http or https URL with `placeholder` in its path, query or fragment."""

    def parse(value: Any) -> str:
        url = secret(value)
        try:
            parts = urlsplit(url)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_web = False
        if not is_web or not _URL.fullmatch(url):
            raise ValueProblemError(f"must be a URL such as https://explorer.example/{placeholder}")
        if "@" in parts.netloc:
            raise ValueProblemError("must hold no user and no password: the pages show it to everybody")
        rest = url.replace(placeholder, "")
        if rest == url or "{" in rest or "}" in rest or "{" in parts.netloc:
            raise ValueProblemError(f"must hold {placeholder} after its host, and no other placeholder")
        return url

    return parse


def fill(template: str, placeholder: str, value: object) -> str:
    """The URL for `value`, which is escaped."""
    return template.replace(placeholder, quote(str(value), safe=""))


def defaults(parsed: Mapping[str, Any]) -> dict[str, str]:
    """The URLs that are not given, and follow from the one of accounts."""
    accounts = parsed.get("explorer_url") or ""
    return {key: accounts.replace(*change) for key, change in _BESIDE.items() if change[0] in accounts}
