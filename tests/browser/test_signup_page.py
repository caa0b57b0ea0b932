"""A person without a wallet signs up, in the browser."""

import base64
import json
import random
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from chain.wallet import ROLES, derive_key
from tests.browser.chromium import Browser
from tests.browser.looks import assert_sound
from tests.browser.newcomer import (
    Sheet,
    choose,
    found_in,
    keys_on_chain,
    left_in,
    make_sheet,
    register,
    shown_sheet,
    visible_sheet,
    wait_registered,
)
from tests.browser.relay import Relay
from tests.browser.site import Site
from tests.harness.program import keys_of


def test_secrets_stay_in_the_browser(newcomer: Browser, site: Site, relay: Relay, tmp_path: Path) -> None:
    """From the first letter of the name to the account: nothing that is sent or kept has a password or private key."""
    newcomer.command("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    sheet = make_sheet(newcomer, "ada-1")
    before = bytes(relay.sent)
    assert b"POST" not in before
    newcomer.click("[data-sheet-action=save]")
    saved = newcomer.wait(lambda: [*tmp_path.glob("*.txt")])[0].read_text()
    newcomer.click("#sheet summary")
    assert newcomer.texts("#sheet .keys dd")[:3] == sheet.wifs
    register(newcomer)
    wait_registered(newcomer, sheet.name)
    sent, left = bytes(relay.sent), left_in(newcomer)
    assert keys_on_chain(site, sheet.name) == sheet.public_keys
    assert [sent.count(b"POST /api/v1/accounts "), sent.count(b"POST "), sent.lower().count(b"upgrade: ")] == [1, 1, 0]
    assert json.loads(sent.split(b"POST /api/v1/accounts ")[1].split(b"\r\n\r\n")[1].split(b"GET ")[0]) == {
        "account": {"name": sheet.name, **sheet.public_keys}
    }
    assert found_in(saved.encode(), sheet)
    assert sheet.name.encode() in left
    assert [found_in(sent, sheet), found_in(left, sheet)] == [[], []]


def test_search_for_secrets_finds_them() -> None:
    sheet = Sheet("ada-1", "9hjz-69id-q8tp-cdu6-vebd-33hp-se2z")
    secret = derive_key("ada-1", "memo", sheet.password)._key.secret
    for haystack in (
        sheet.password.encode(),
        b"?password=9hjz%2D69id%2Dq8tp%2Dcdu6%2Dvebd%2D33hp%2Dse2z",
        sheet.wifs[1].encode(),
        secret.hex().upper().encode(),
        secret,
        base64.b64encode(b"key=" + sheet.wifs[0].encode() + b"."),
        base64.urlsafe_b64encode(b"a" + secret + b"b"),
    ):
        assert found_in(b"POST /" + haystack + b" HTTP/1.1", sheet)
    assert not found_in(json.dumps(sheet.public_keys).encode(), sheet)


def test_keys_are_those_that_wallets_derive(newcomer: Browser) -> None:
    """Of many names and passwords, the faucet's own and others."""
    draw = random.Random(18)  # noqa: S311  # the same cases each time
    made = newcomer.script(
        "return import('/static/signup/keys.js').then((keys) => [...Array(60)].map(keys.makePassword))"
    )
    others = ["", " ", "ß é 漢 🔑", *(f"{draw.getrandbits(draw.randrange(1, 400)):x}" for _ in range(40))]
    cases = [(f"name-{draw.randrange(10**6)}.x", password) for password in (*made, *others)]
    derived = newcomer.script(
        """return import('/static/signup/keys.js').then((keys) =>
            arguments[0].map(([name, password]) => keys.deriveKeys(name, password, 'TEST')))""",
        cases,
    )
    for (name, password), keys in zip(cases, derived, strict=True):
        assert {f"{role}_key": keys[role]["public"] for role in ROLES} == keys_of(name, password)
        assert [keys[role]["wif"] for role in ROLES] == Sheet(name, password).wifs


def test_passwords_are_random_and_of_the_form_that_the_page_states(newcomer: Browser) -> None:
    read = "(keys) => [keys.PASSWORD_BITS, [...Array(500)].map(keys.makePassword)]"
    bits, passwords = newcomer.script(f"return import('/static/signup/keys.js').then({read})")
    characters = set("".join(passwords)) - {"-"}
    assert (bits, len(characters), len(set(passwords))) == (140, 32, 500)
    assert not characters & set("lo01")
    assert {tuple(map(len, password.split("-"))) for password in passwords} == {(4,) * 7}
    assert "28 random characters, 140 bits" in newcomer.script("return document.querySelector('.trust').textContent")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Ada", "The name has a capital letter"),
        ("1-digit", "Each part of the name must begin with a letter."),
        ("ada/1", "The name has a character that is not allowed"),
        ("premium", "Only cheap names allowed!"),
        ("faucet", "Only cheap names allowed!"),
        ("taken-1", "Account exists"),
    ],
)
def test_name_that_cannot_be_had_is_refused_in_the_faucets_words(
    newcomer: Browser, site: Site, name: str, sentence: str
) -> None:
    site.sign_up("taken-1")
    choose(newcomer, name)
    assert newcomer.texts("#answer")[0].startswith(sentence)
    newcomer.click("#make")
    assert visible_sheet(newcomer) == []
    assert_sound(newcomer)


@pytest.mark.parametrize("name", [".", ".."])
def test_name_of_dots_asks_for_no_other_address(newcomer: Browser, relay: Relay, name: str) -> None:
    newcomer.fill("name", name)
    newcomer.click("#make")
    newcomer.wait(lambda: newcomer.texts("#answer") == ["Choose a name first."])
    assert b"GET /api/" not in relay.sent


def test_every_step_is_accessible(newcomer: Browser, site: Site) -> None:
    assert_sound(newcomer)
    choose(newcomer, "bob-1")
    assert_sound(newcomer)
    make_sheet(newcomer, "bob-1")
    assert_sound(newcomer)
    newcomer.click("#sheet summary")
    newcomer.click(".trust summary")
    assert_sound(newcomer)
    site.control("stall", True)
    register(newcomer)
    newcomer.wait(lambda: newcomer.texts("#progress .steps"))
    assert_sound(newcomer)
    site.control("stall", False)
    newcomer.wait(lambda: "Nothing can undo that any more" in newcomer.texts("#news")[0])
    assert_sound(newcomer)


def test_keyboard_alone_is_enough(newcomer: Browser) -> None:
    newcomer.script("document.getElementById('name').focus()")
    newcomer.type("carol-1")
    newcomer.type(Keys.ENTER)
    sheet = shown_sheet(newcomer)
    tab_to(newcomer, "[name=kept]")
    newcomer.type(Keys.SPACE)
    tab_to(newcomer, "#register")
    newcomer.type(Keys.ENTER)
    wait_registered(newcomer, sheet.name)


def tab_to(browser: Browser, selector: str) -> None:
    """Press the tabulator until the focus is there."""
    for _ in range(12):
        if browser.script("return document.activeElement.matches(arguments[0])", selector):
            return
        browser.type(Keys.TAB)
    raise AssertionError(f"{selector} is not reached")


def test_nothing_is_sent_before_the_sheet_is_kept(newcomer: Browser, relay: Relay) -> None:
    make_sheet(newcomer, "dave-1")
    assert newcomer.script("return document.getElementById('register').disabled")
    newcomer.script("document.getElementById('send').requestSubmit()")
    assert b"POST" not in relay.sent


def test_paper_has_the_sheet_alone(newcomer: Browser) -> None:
    sheet = make_sheet(newcomer, "erin-1")
    newcomer.command("Emulation.setEmulatedMedia", media="print")
    printed = newcomer.text("body")
    newcomer.command("Emulation.setEmulatedMedia", media="")
    assert sheet.name in printed
    assert sheet.password in printed
    assert [text for text in ("Get an account", "Status", "Register", "Who has to be trusted") if text in printed] == []


def test_paper_has_the_private_keys_too(newcomer: Browser) -> None:
    sheet = make_sheet(newcomer, "erin-2")
    shown = "document.getElementById('sheet').innerText"
    newcomer.script(f"addEventListener('beforeprint', () => {{ window.printed = {shown} }})")
    newcomer.command("Page.printToPDF")
    assert [wif for wif in sheet.wifs if wif not in newcomer.script("return window.printed")] == []
    newcomer.wait(lambda: sheet.wifs[0] not in newcomer.script(f"return {shown}"))


@pytest.mark.parametrize("changed", [b"// A password, the keys", b"SHA2 hash"], ids=["ours", "others'"])
def test_script_that_was_changed_on_the_way_is_not_run(running: Browser, relay: Relay, changed: bytes) -> None:
    running.start_anew()
    relay.replaced = changed, changed.upper()
    running.command("Network.clearBrowserCache")
    try:
        running.open(f"{relay.url}/signup")
        running.wait(lambda: "The browser is too old" in running.text("#unable"))
        assert running.texts("#steps:not([hidden])") == []
        assert any("integrity" in problem for problem in running.problems(relay.url))
    finally:
        relay.replaced = b"\0", b"\0"
        running.command("Network.clearBrowserCache")


def test_page_without_scripts_says_where_to_go(newcomer: Browser, relay: Relay) -> None:
    with newcomer.without_scripts():
        newcomer.open(f"{relay.url}/signup")
        assert "Sign up with a wallet instead" in newcomer.text()
        assert newcomer.texts("#steps:not([hidden])") == []


def test_insecure_page_makes_no_keys(newcomer: Browser, relay: Relay) -> None:
    script = newcomer.command(
        "Page.addScriptToEvaluateOnNewDocument",
        source="Object.defineProperty(window, 'isSecureContext', {value: false})",
    )
    try:
        newcomer.open(f"{relay.url}/signup")
        newcomer.wait_text("Anybody on the way could have changed it")
        assert newcomer.texts("#steps:not([hidden])") == []
    finally:
        newcomer.command("Page.removeScriptToEvaluateOnNewDocument", **script)
