"""A person without a wallet, at the signup page; and all that their browser could give away."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote_to_bytes

from chain.wallet import ROLES, derive_key
from tests.browser.chromium import Browser
from tests.browser.site import Site
from tests.harness.program import keys_of

#: Everything in which a page can leave something behind.
TRACES = """
    const dump = (storage) => JSON.stringify({ ...storage });
    return Promise.all([indexedDB.databases(), caches.keys()]).then(([databases, kept]) => JSON.stringify([
        dump(localStorage), dump(sessionStorage), document.cookie, history.state, window.name, location.href,
        databases, kept, performance.getEntries().map((entry) => entry.name), document.title,
    ]));
"""


ANSWERED = ("free", "refused")  #: the faucet has said whether a name can be had


@dataclass(frozen=True)
class Sheet:
    """What the recovery sheet says."""

    name: str
    password: str

    @property
    def public_keys(self) -> dict[str, str]:
        """As `faucet.py signup` derives and sends them."""
        return keys_of(self.name, self.password)

    @property
    def wifs(self) -> list[str]:
        """The private keys, as wallets import them."""
        return [derive_key(self.name, role, self.password).wif() for role in ROLES]

    @property
    def secrets(self) -> list[bytes]:
        """The password and the private keys, in every notation in which they might travel."""
        keys = [derive_key(self.name, role, self.password)._key.secret for role in ROLES]
        texts = [self.password, self.password.replace("-", ""), *self.wifs]
        raw = [*keys, *(text.encode() for text in texts)]
        numbers = [str(int.from_bytes(key)).encode() for key in keys]
        spelled = [spelling for secret in raw for spelling in (secret.hex().encode(), *_base64(secret))]
        return [*raw, *numbers, *spelled]


def _base64(secret: bytes) -> Iterator[bytes]:
    """Its characters wherever it begins in a longer text, without those that its neighbours change."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + secret).rstrip(b"=")[(0, 2, 3)[before] : -1]


def open_signup(browser: Browser, url: str) -> None:
    """Open the page; returns when its script runs."""
    browser.open(f"{url}/signup")
    browser.wait(lambda: browser.texts("#steps:not([hidden])"))


def choose(browser: Browser, name: str) -> None:
    """Type `name`; returns when the faucet has said what it thinks of it."""
    browser.fill("name", name)
    browser.wait(lambda: browser.script("return document.getElementById('answer').dataset.state") in ANSWERED)


def make_sheet(browser: Browser, name: str) -> Sheet:
    """Choose `name`, and have a sheet made, or shown again."""
    choose(browser, name)
    browser.click("#make")
    return shown_sheet(browser)


def shown_sheet(browser: Browser) -> Sheet:
    """The sheet, once it is shown."""
    name, password = browser.wait(lambda: visible_sheet(browser))
    return Sheet(name, password)


def visible_sheet(browser: Browser) -> list[str]:
    """Name and password on the sheet; empty if there is none to see."""
    sheet = [text for text in browser.texts("#sheet:not([hidden]) [data-sheet=name], #sheet .password") if text]
    return sheet if len(sheet) == 2 else []


def register(browser: Browser) -> None:
    """Confirm that the sheet is kept, and send the signup."""
    browser.click("#send [name=kept]")
    browser.click("#register")


def wait_registered(browser: Browser, name: str) -> None:
    """Return when the page says that the account is there."""
    browser.wait(lambda: f"{name} is yours" in browser.texts("#doing"))


def keys_on_chain(site: Site, name: str) -> dict[str, str]:
    """The keys of the account `name`, as a signup names them."""
    (account,) = site.do(site.chain.node.accounts([name]))
    assert account is not None
    ((owner, _),), ((active, _),) = account.owner.keys, account.active.keys
    return {"owner_key": owner, "active_key": active, "memo_key": account.memo_key}


def left_in(browser: Browser) -> bytes:
    """All that the page leaves in the browser: storage, cookies, history, addresses, and the profile on disk."""
    history = browser.command("Page.getNavigationHistory")
    cookies = browser.command("Network.getAllCookies")
    traces = [browser.script(TRACES), json.dumps(history), json.dumps(cookies)]
    files = [path.read_bytes() for path in sorted(browser.profile.rglob("*")) if _is_readable(path)]
    return b"\n".join([*(trace.encode() for trace in traces), *files])


def _is_readable(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def found_in(haystack: bytes, sheet: Sheet) -> list[bytes]:
    """The secrets of `sheet` that stand in `haystack`, also percent-encoded or in other case."""
    spellings = [spelling.lower() for spelling in (haystack, unquote_to_bytes(haystack))]
    return [secret for secret in sheet.secrets if any(secret.lower() in spelling for spelling in spellings)]
